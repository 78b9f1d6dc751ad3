"""Hide what a report about somebody's repository must not spread: home folders, hosts, addresses
and secrets, which logs and commit messages contain."""

from __future__ import annotations

import os
import re

HOME, HOST, ADDRESS, SECRET = "~", "<host>", "<address>", "<secret>"
#: The most characters of a text that are read; a report shows fewer.
_READ = 4_000
#: The characters behind the end of a text by which a secret at its end is known.
_BEYOND = 400
_KEY = r"(?:api|access|account|private|secret)[_-]?key|secret|auth[_-]?token|[_-](?:token|pass|pwd)"
#: What a text in small letters has if `_KEY` matches in it.
_KEY_SIGNS = (
    *("apikey", "accesskey", "accountkey", "privatekey", "_key", "-key", "secret", "authtoken"),
    *("_token", "-token", "_pass", "-pass", "_pwd", "-pwd"),
)
#: How tokens begin that are long words.
_TOKENS = (
    *("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "gldt-", "glrt-", "glptt-"),
    *("hf_", "sk-", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "gsk_", "nvapi-"),
    *("xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "xapp-", "npm_", "pypi-", "dckr_pat_"),
    *("dop_v1_", "doo_v1_", "dor_v1_", "ya29.", "GOCSPX-", "SG.", "hvs.", "tskey-", "wandb_v1_"),
    "AGE-SECRET-KEY-",
)
#: What ends a value in a text.
_ENDS = r"(?=[\s\"',;<)}\]]|\Z)"
#: Each pattern and what replaces it, in this order. A text in small letters in which it can match
#: at all has one of its signs, or what a quicker pattern matches: it is looked for first.
_PATTERNS = tuple(
    (signs, re.compile(pattern), hidden)
    for signs, pattern, hidden in (
        (
            ("-----begin",),
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY[\s\S]*?"
            r"(?:-----END [A-Z ]{0,30}KEY(?: BLOCK)?-----|\Z)",
            SECRET,
        ),
        (  # the start of a log's end may lie within a key
            ("-----end",),
            r"\A[\s\S]*-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----",
            SECRET,
        ),
        (
            tuple(map(str.lower, _TOKENS)),
            rf"\b(?:{'|'.join(map(re.escape, _TOKENS))})[\w-]{{16,}}(?:\.[\w-]{{16,}})?",
            SECRET,
        ),
        (
            ("akia", "asia", "aiza", "r8_", "dapi"),
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\br8_[A-Za-z0-9]{30,}|\bdapi[0-9a-f]{32}\b",
            SECRET,
        ),
        (
            ("hooks.slack.com", "/api/webhooks/", "telegram.org/bot"),
            r"\b(hooks\.slack\.com/|discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot)"
            r"[\w/:-]{8,}",
            rf"\1{SECRET}",
        ),
        (("eyj",), r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", SECRET),
        (
            ("bearer", "basic", "authorization"),
            r"(?i)\b(bearer|basic|authorization:\s*token)\s+(?=\S*\d)[\w.~+/-]{16,}=*",
            rf"\1 {SECRET}",
        ),
        (
            _KEY_SIGNS,
            rf"(?i)((?:{_KEY})[\w-]{{0,40}}[\"']?\s*[=:]\s*[\"']?)"
            rf"(?![\d.,]+{_ENDS})[^\s\"',;<&]{{6,}}",
            rf"\1{SECRET}",
        ),
        (
            ("passwd", "password", "passphrase"),
            r"(?i)((?:passw(?:or)?d|passphrase)[\w-]{0,40}[\"']?\s*[=:]\s*|--passw(?:or)?d\s+"
            r"|\blogin\s+\S{1,80}\s+password\s+)"
            r"(?:\"[^\"\n]{4,200}\"|'[^'\n]{4,200}'|[\"']?[^\s\"',;<]{4,})",
            rf"\1{SECRET}",
        ),
        (
            ("token",),
            r"(?i)(\btoken[\"']?\s*[=:]\s*[\"']?)(?=[\w.~+/-]*\d)(?=[\w.~+/-]*[a-z])[\w.~+/-]{12,}",
            rf"\1{SECRET}",
        ),
        (
            ("sig=", "signature=", "credential=", "?key=", "&key="),
            r"(?i)([?&](?:sig|key|[\w-]{0,20}(?:signature|credential))=)[^&\s\"'<]{8,}",
            rf"\1{SECRET}",
        ),
        (("://",), r"(\b\w{2,12}://)[^/\s@]{1,200}@", rf"\1{SECRET}@"),
        (
            ("/home/", "/users/"),
            r"(?:(?<![\w/.:])|(?<=file://))(?:/[\w.-]{1,60}){0,3}?/(?:home|Users|users)/[^/\s:\"'<>|,;)\\]+",
            HOME,
        ),
        (("/root",), r"(?<![\w/.])/root(?=[/\s:\"',;)]|\Z)", HOME),
        (("users",), r"(?i)\b[A-Z]:[\\/]{1,2}Users[\\/]{1,2}[^\\/\s:\"'<>|,;)]+", HOME),
        (re.compile(r"@[\w-]"), r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", ADDRESS),
        (re.compile(r"@[\w-]"), r"\b[\w.-]{1,64}@[\w-]{1,63}(?=:)", ADDRESS),
        (
            ("host", "nodename", "node name", "node_name", "node-name", "master_addr"),
            r"(?i)(?<![a-z])(host(?:[_ -]?name)?|node[_ -]?name|master_addr)(\s*[=:]\s*)[\w.-]+",
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
            re.compile(r"[0-9a-f]::"),
            r"(?i)(?<![\w:])(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2})(?::[0-9a-f]{1,4}){0,6}::"
            r"(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,5})?(?![\w:])",
            HOST,
        ),
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
    """Return a text without what is private, as far as it has a known form or follows a telling
    name: home folders become ``~``, names and addresses of hosts ``<host>``, mail addresses
    ``<address>``, and keys, tokens and passwords ``<secret>``."""
    home = os.path.expanduser("~") if "/" in text or "\\" in text else ""  # noqa: PTH111
    if len(home) > 3:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", HOME, text)
    small = text.lower()
    for signs, pattern, hidden in _PATTERNS:
        if _has(small, signs):
            text = pattern.sub(hidden, text)
    return text


def redact_start(text: str, width: int, read: int | None = None) -> str:
    """Return the start of a text, redacted, for a caller that cuts it to ``width`` characters: it
    is not cut itself. ``read`` characters of the text are read, by default `_BEYOND` more than
    ``width``, so that a secret is recognised that begins before ``width`` and ends after it. Where
    so much was hidden that fewer than `_BEYOND` are left behind ``width``, a word that was cut off
    is left out: it may be a secret whose end is needed to recognise it."""
    start = text[: read or width + _BEYOND]
    redacted = redact(start)
    is_cut = text[len(start) : len(start) + 1].strip() and start[-1:].strip()
    if is_cut and len(redacted) < width + _BEYOND:
        redacted = redacted[: len(redacted) - len(redacted.split()[-1])]
    return redacted


def shorten(text: str, width: int = 300) -> str:
    """Return the start of a text for a report, redacted and cut to ``width`` characters, with "…"
    at the end of one that is cut. It is not escaped."""
    read = redact_start(text, width, _READ)
    return read if len(read) <= width and len(text) <= _READ else read[: width - 1] + "…"
