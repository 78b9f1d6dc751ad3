"""What train.py prints: its progress, its summary block, and a tail that is safe to show."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
#: Also what turns, breaks or hides text: marks of direction, separators of lines, zero widths.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_SUMMARY = re.compile(r"^([a-z][A-Za-z0-9_]*):[ \t]+(\S+)[ \t]*$")
_LOSS = re.compile(r"loss:?\s+([0-9.]+)")
_STEP = re.compile(r"step:?\s+0*(\d+)")
_SPEED = re.compile(r"(?:tok(?:en)?s?/s(?:ec)?|tokens_per_second):?\s+([0-9][0-9,.]*)")


def clean(text: str, *, width: int = 200) -> str:
    """One line without escapes and control characters, at most ``width`` characters."""
    text = _CONTROLS.sub("", _ESCAPES.sub("", text))
    return text if len(text) <= width else text[: width - 1] + "…"


def lines(text: str) -> list[str]:
    """The lines as a terminal would leave them: of ``\\r`` redraws only the last one stays."""
    return [
        next((part for part in reversed(line.split("\r")) if part.strip()), "")
        for line in text.replace("\r\n", "\n").split("\n")
    ]


def summary(text: str) -> dict[str, str]:
    """The ``key: value`` lines of a log; a later one replaces an earlier one."""
    found: dict[str, str] = {}
    for line in re.split(r"[\r\n]", text):
        if match := _SUMMARY.match(clean(line)):
            found[match[1]] = match[2]
    return found


def tail(text: str, *, count: int = 20) -> list[str]:
    """The last lines that say something, cleaned."""
    return [clean(line) for line in lines(text) if line.strip()][-count:]


def position(text: str) -> str:
    """``step 123 loss 4.56 tok/s 1,234`` from the newest progress in ``text``, or nothing.

    The loss is the one that is printed: smoothed where the script smooths it.
    """
    words = []
    if steps := _STEP.findall(text):
        words.append(f"step {steps[-1]}")
    if losses := _LOSS.findall(text):
        words.append(f"loss {losses[-1]}")
    if speeds := _SPEED.findall(text):
        words.append(f"tok/s {speeds[-1]}")
    return " ".join(words)
