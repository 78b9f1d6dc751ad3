"""Patterns of the words of a rule, and the durations, files and directions that they state."""

from __future__ import annotations

import re
from typing import Literal

#: Which values of a metric are better, as words say; "" if they do not.
Said = Literal["", "lower", "higher"]

FILE = r"(?<![\w/~.*-])[~\w*./-]*\w\.[A-Za-z]\w{0,9}(?![\w/(])"
ENDING = r"[/*~]|\.(?:pyi?|toml|lock|[tc]sv|jsonl?|txt|md|log|ya?ml)$"
WORDS = "one two three four five six seven eight nine ten"
NUMBERS = {word: number for number, word in enumerate(WORDS.split(), start=1)}
DURATION = re.compile(
    rf"\b(\d+(?:\.\d+)?|{'|'.join(NUMBERS)})[\s-]*"
    r"(hours?|hrs?|h|minutes?|mins?|seconds?|secs?|s)\b"
)
CHANGE = (
    r"\b(?:modif(?:y|ies|ied|ying)|chang|edit|touch|alter|rewrit|overwrit|monkey-?patch|patch"
    r"|tamper with|tamper|replac|overrid|delet|remov|renam|mov(?=e|ing)|weaken|shadow)\w*"
)
#: Words between a verb and what it changes.
GAP = r"(?:\s+(?!during|while|before|after|in|when|for|without)\w+){0,3}\s+"
FIXED = r"\b(?:fixed|frozen|read-?only|immutable|constants?|sacred|off[- ]limits|hands off)\b"
NEVER = r"\b(?:never|not|cannot|can't|don't|doesn't|nobody|nothing)\s+(?:ever\s+|be\s+|to\s+)*"
FORBIDDEN = rf"{NEVER}(?:\w+(?:,| or| and)\s+)*{CHANGE}"
EVALUATION = r"(?:evaluations?|evaluator|eval(?= code| harness|s?\b)|harness|metric)\b"
DATA = (
    r"(?:data[ -]?pipeline|tokeni[sz]er|data[ -]?loaders?|data[ -]?sets?"
    r"|(?:validation|val|evaluation|eval|training|cached) (?:data|shards?|sets?|splits?))\b"
)
LOG = r"\b(?:log|logs|logged|logging|record|records|recorded|recording)\b"
RUNS = r"\b(?:results?|experiments?|runs?)\b"
COLUMNS = (r"\bcommit\b|\bhash\b", r"\bmemory\b|\bvram\b", r"\bstatus\b", r"\bdescription\b")
TRAINING = r"\btrain|\bexperiments?\b|\b(?:a|each|every|the|one|any) runs?\b|\bbudget\b"
BUDGET = r"\b(?:time|training|wall[- ]clock|the|minutes?|seconds?)[ _-](?:\w+ )?budgets?\b"
MORE = (
    r"\bmore than\b|\bexceed|\blonger\b|\bbeyond\b|\bno more\b|\bat most\b|\bwithin\b"
    r"|\bup to\b|\bunder\b|\bless than\b|\bover\b|\bmaximum\b|\boverrun\b"
)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text: it is split after ``.``, ``!`` or ``?`` before white space,
    and at line ends. Some may be empty."""
    return re.split(r"(?<=[.!?])\s|\n", text)


def seconds(words: str) -> float | None:
    """Return the first duration in the words, in seconds; None if there is none. It may be written
    ``5 minutes``, ``a 90-second run`` or ``five minutes``."""
    found = DURATION.search(words.lower())
    if found is None:
        return None
    many = float(NUMBERS.get(found[1]) or found[1])
    return many * {"h": 3600, "m": 60, "s": 1}[found[2][0]]


def budget_of(words: str) -> float | None:
    """Return the seconds that a rule states as the exact or the longest time of training; None if
    the rule is not about that, or states no time."""
    text = words.lower()
    about = re.search(TRAINING, text) and re.search(rf"\bexactly\b|{MORE}", text)
    return seconds(text) if about else None


def only_files(words: str) -> tuple[str, ...]:
    """Return the only files that a rule lets change, as in ``Only a.py and b.py are modified``; ()
    if the rule does not name them so."""
    text = words.replace("`", "").replace("**", "")
    files = rf"((?:{FILE})(?:(?:,? and |,? or |, | & )(?:{FILE}))*)"
    verb = r"(?:modif|chang|edit|touch|alter)\w*"
    patterns = (
        rf"(?i)\bonly\s+(?:ever\s+)?(?:{verb}\s+)?(?:the\s+)?(?:files?\s+)?{files}",
        rf"(?i){files}(?:\s+\S+){{0,3}}\s+the\s+only\s+(?:file|one|thing)",
        rf"(?i)\b(?:other than|except(?: for)?|besides|but|outside(?: of)?)\s+(?:the\s+)?{files}",
    )
    if not re.search(rf"(?i){CHANGE}|only file", text):
        return ()
    for pattern in patterns:
        if found := re.search(pattern, text):
            return tuple(re.findall(FILE, found[1]))
    return ()


def direction_of(words: str) -> Said:
    """Return ``lower`` or ``higher`` if the words say ``lower is better`` or ``higher is better``,
    the first that is said; else ""."""
    found = re.search(r"\b(lower|higher) is better\b", words.lower())
    return "" if found is None else "lower" if found[1] == "lower" else "higher"
