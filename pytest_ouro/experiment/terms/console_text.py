"""Read what a script printed: its progress, its summary lines, and its last lines, safe to show."""

from __future__ import annotations

import re

_ESCAPES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])"
#: Control characters, and text direction marks, line separators and zero-width characters.
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
_SUMMARY = re.compile(r"^([a-z][A-Za-z0-9_]*):[ \t]+(\S+)[ \t]*$")
#: The numbers of a progress line: what it must contain, the name, and the pattern.
_PROGRESS = (
    ("step", "step", r"step:?\s+0*(\d+)"),
    ("loss", "loss", r"loss:?\s+([0-9.]+)"),
    ("tok", "tok/s", r"(?:tok(?:en)?s?/s(?:ec)?|tokens_per_second):?\s+([0-9][0-9,.]*)"),
)


def clean(text: str, *, width: int = 200) -> str:
    """Return a text without escape sequences, control characters, direction marks and zero-width
    characters, cut to ``width`` characters (at least 1).

    A text that is cut ends with "…", which counts for ``width``. Tabs and line feeds stay, carriage
    returns do not.
    """
    if not text.isprintable():  # most texts are; to compile the patterns costs more
        text = re.sub(_CONTROLS, "", re.sub(_ESCAPES, "", text))
    return text if len(text) <= width else text[: width - 1] + "…"


def lines(text: str) -> list[str]:
    """Return the lines of a text as a terminal shows them: of the parts of a line between carriage
    returns, only the last that is not blank ("" if all are blank). Escape sequences stay. After a
    final line feed there is a last line "", and an empty text has one line ""."""
    return [
        next((part for part in reversed(line.split("\r")) if part.strip()), "")
        for line in text.replace("\r\n", "\n").split("\n")
    ]


def summary(text: str) -> dict[str, str]:
    """Return a dict of the ``key: value`` lines of a log, both as text; {} if there are none.

    Each line is read as `clean` returns it; a carriage return ends a line too. The key is at the
    start of the line, begins with a small letter, and has only letters, digits and ``_``. The value
    is one word, after a space or tab, and nothing follows it but spaces. Of several lines with one
    key the last counts.
    """
    found: dict[str, str] = {}
    for line in re.split(r"[\r\n]", text):
        if match := _SUMMARY.match(clean(line)):
            found[match[1]] = match[2]
    return found


def tail(text: str, *, count: int = 20) -> list[str]:
    """Return the last ``count`` lines (at least 1) that are not blank, oldest first, each one as
    :func:`clean` returns it; fewer if there are fewer, [] if all are blank."""
    return [clean(line) for line in lines(text) if line.strip()][-count:]


def position(text: str) -> str:
    """Return the newest step, loss and tokens per second that a script's output states, such as
    ``step 123 loss 4.56 tok/s 1,234``. A number that is not stated is left out; "" if none of the
    three is.

    The numbers are those that the script printed; it may smooth the loss.
    """
    found = {name: re.findall(pattern, text) for word, name, pattern in _PROGRESS if word in text}
    return " ".join(f"{name} {values[-1]}" for name, values in found.items() if values)
