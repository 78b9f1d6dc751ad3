"""Hide what a report about somebody's repository must not spread: home folders, hosts, addresses
and secrets, which logs and commit messages contain."""

from __future__ import annotations

import os
import re

HOME, HOST, ADDRESS, SECRET = "~", "<host>", "<address>", "<secret>"
#: The most characters of a text that are read; a report shows fewer.
_READ = 4_000
#: The longest name of a key, host or user that is recognised; it bounds the time for any text.
_NAME = r"[\w.-]{0,60}"
_KEY = r"(?:api|access|private|secret)[_-]?key|passw(?:or)?d|secret|auth[_-]?token|[_-]token"
#: Each pattern and what replaces it, in this order.
_PATTERNS = tuple(
    (re.compile(pattern), hidden)
    for pattern, hidden in (
        (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY[\s\S]*?(?:-----END [A-Z ]{0,30}KEY-----|\Z)", SECRET),
        (
            r"\b(?:gh[opsur]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|npm_|pypi-|dckr_pat_)"
            r"[\w-]{16,}",
            SECRET,
        ),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}", SECRET),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", SECRET),
        (r"(?i)\b(bearer|basic)\s+(?=\S*\d)[\w.~+/-]{16,}=*", rf"\1 {SECRET}"),
        (
            rf"(?i)\b({_NAME}(?:{_KEY})[\w-]{{0,40}}[\"']?\s*[=:]\s*[\"']?)"
            r"(?![\d.,]+\b)[^\s\"',;<]{6,}",
            rf"\1{SECRET}",
        ),
        (r"(\b\w{2,12}://)[^/\s@]{1,200}@", rf"\1{SECRET}@"),
        (
            r"(?<![\w/.:])(?:/[\w.-]{1,60}){0,3}?/(?:home|Users|users)/[^/\s:\"'<>|,;)\\]+",
            HOME,
        ),
        (r"(?<![\w/.])/root(?=[/\s:\"',;)]|\Z)", HOME),
        (r"(?i)\b[A-Z]:[\\/]{1,2}Users[\\/]{1,2}[^\\/\s:\"'<>|,;)]+", HOME),
        (r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", ADDRESS),
        (r"\b[\w.-]{1,64}@[\w-]{1,63}(?=:)", ADDRESS),
        (r"(?i)\b(host(?:[_ -]?name)?|node[_ -]?name)(\s*[=:]\s*)[\w.-]+", rf"\1\2{HOST}"),
        (
            r"(?<![\w.])(?!127\.|0\.0\.0\.0\b)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}\d{1,3}"
            r"(?![\w.]\w)",
            HOST,
        ),
        (r"(?i)(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])|\bfe80::[0-9a-f:]+", HOST),
        (
            r"(?i)(?<![\w.-])(?=[\w]*[\d-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}"
            r"\.(?:internal|local|lan|corp|intranet|localdomain)\b",
            HOST,
        ),
    )
)


def redact(text: str) -> str:
    """Return a text without what is private. The user's own home folder and every other home folder
    become ``~``; names and addresses of hosts become ``<host>``; mail addresses become
    ``<address>``; keys, tokens and passwords that have a known form or follow a telling name become
    ``<secret>``. Redacted text does not change again."""
    home = os.path.expanduser("~")  # noqa: PTH111
    if len(home) > 3:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", HOME, text)
    for pattern, hidden in _PATTERNS:
        text = pattern.sub(hidden, text)
    return text


def shorten(text: str, width: int = 300) -> str:
    """Return the start of a text for a report, redacted and cut to ``width`` characters, with "…"
    at the end of one that is cut. It is not escaped."""
    read = redact(text[:_READ])
    return read if len(read) <= width and len(text) <= _READ else read[: width - 1] + "…"
