"""Hide what a report about somebody's repository must not spread: home folders, hosts, addresses
and secrets, which logs and commit messages contain."""

from __future__ import annotations

import os
import re

HOME, HOST, ADDRESS, SECRET = "~", "<host>", "<address>", "<secret>"
#: The most characters of a text that are read; a report shows fewer.
_READ = 4_000
_KEY = r"(?:api|access|private|secret)[_-]?key|passw(?:or)?d|secret|auth[_-]?token|[_-]token"
#: What a text in small letters has if `_KEY` matches in it.
_KEY_SIGNS = (
    *(f"{kind}{joint}key" for kind in ("api", "access", "private") for joint in ("", "_", "-")),
    *("passwd", "password", "secret", "authtoken", "_token", "-token"),
)
#: Each pattern and what replaces it, in this order. A text in small letters in which it can match
#: at all has one of its signs, or what a quicker pattern matches: it is looked for first.
_PATTERNS = tuple(
    (signs, re.compile(pattern), hidden)
    for signs, pattern, hidden in (
        (
            ("-----begin",),
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY[\s\S]*?(?:-----END [A-Z ]{0,30}KEY-----|\Z)",
            SECRET,
        ),
        (
            (
                *("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "hf_", "sk-"),
                *("xox", "npm_", "pypi-", "dckr_pat_"),
            ),
            r"\b(?:gh[opsur]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|npm_|pypi-|dckr_pat_)"
            r"[\w-]{16,}",
            SECRET,
        ),
        (
            ("akia", "asia", "aiza"),
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}",
            SECRET,
        ),
        (("eyj",), r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", SECRET),
        (
            ("bearer", "basic"),
            r"(?i)\b(bearer|basic)\s+(?=\S*\d)[\w.~+/-]{16,}=*",
            rf"\1 {SECRET}",
        ),
        (
            _KEY_SIGNS,
            rf"(?i)((?:{_KEY})[\w-]{{0,40}}[\"']?\s*[=:]\s*[\"']?)"
            r"(?![\d.,]+\b)[^\s\"',;<]{6,}",
            rf"\1{SECRET}",
        ),
        (("://",), r"(\b\w{2,12}://)[^/\s@]{1,200}@", rf"\1{SECRET}@"),
        (
            ("/home/", "/users/"),
            r"(?<![\w/.:])(?:/[\w.-]{1,60}){0,3}?/(?:home|Users|users)/[^/\s:\"'<>|,;)\\]+",
            HOME,
        ),
        (("/root",), r"(?<![\w/.])/root(?=[/\s:\"',;)]|\Z)", HOME),
        (("users",), r"(?i)\b[A-Z]:[\\/]{1,2}Users[\\/]{1,2}[^\\/\s:\"'<>|,;)]+", HOME),
        (re.compile(r"@[\w-]"), r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", ADDRESS),
        (re.compile(r"@[\w-]"), r"\b[\w.-]{1,64}@[\w-]{1,63}(?=:)", ADDRESS),
        (
            ("host", "nodename", "node name", "node_name", "node-name"),
            r"(?i)\b(host(?:[_ -]?name)?|node[_ -]?name)(\s*[=:]\s*)[\w.-]+",
            rf"\1\2{HOST}",
        ),
        (
            re.compile(r"\.\d{1,3}\.\d"),
            r"(?<![\w.])(?!127\.|0\.0\.0\.0\b)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}\d{1,3}"
            r"(?![\w.]\w)",
            HOST,
        ),
        (
            re.compile(r":[0-9a-f]{1,4}:[0-9a-f]{1,4}:"),
            r"(?i)(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])",
            HOST,
        ),
        (("fe80::",), r"(?i)\bfe80::[0-9a-f:]+", HOST),
        (
            (".internal", ".local", ".lan", ".corp", ".intranet"),
            r"(?i)(?<![\w.-])(?=[\w]*[\d-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}"
            r"\.(?:internal|local|lan|corp|intranet|localdomain)\b",
            HOST,
        ),
    )
)


def _has(text: str, signs: tuple[str, ...] | re.Pattern[str]) -> bool:
    """Return whether a text in small letters has one of the signs, or matches somewhere."""
    if isinstance(signs, tuple):
        return any(sign in text for sign in signs)
    return signs.search(text) is not None


def redact(text: str) -> str:
    """Return a text without what is private. The user's own home folder and every other home folder
    become ``~``; names and addresses of hosts become ``<host>``; mail addresses become
    ``<address>``; keys, tokens and passwords that have a known form or follow a telling name become
    ``<secret>``. Redacted text does not change again."""
    home = os.path.expanduser("~") if "/" in text or "\\" in text else ""  # noqa: PTH111
    if len(home) > 3:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", HOME, text)
    small = text.lower()
    for signs, pattern, hidden in _PATTERNS:
        if _has(small, signs):
            text = pattern.sub(hidden, text)
    return text


def shorten(text: str, width: int = 300) -> str:
    """Return the start of a text for a report, redacted and cut to ``width`` characters, with "…"
    at the end of one that is cut. It is not escaped."""
    read = redact(text[:_READ])
    return read if len(read) <= width and len(text) <= _READ else read[: width - 1] + "…"
