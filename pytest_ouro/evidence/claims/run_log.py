"""Read what the log of the last run claims, where a project keeps one in ``run.log``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.content import read_file

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = re.compile(r"(?m)^[ \t]*training_seconds[ \t]*[:=][ \t]*([0-9]+(?:\.[0-9]+)?)\b")


class LoggedRun(NamedTuple):
    """What the last run printed: the seconds of its training, the number of the line that has them,
    and the text of its metric ("": not found)."""

    seconds: float
    line: int
    metric: str


def read_log(path: Path, metric: str) -> LoggedRun | None:
    """Return what the last line about ``training_seconds`` of a log says, with the last value of
    the metric anywhere in it; None without such a line, or if there is no regular file, or one that
    is too large or cannot be read."""
    try:
        data = read_file(path, limit=limits.LEDGER)
    except OuroError:
        return None
    text = (data or b"").decode("utf-8", "replace")
    found = [*_SECONDS.finditer(text)]
    if not found:
        return None
    number = rf"(?m)^[ \t]*{re.escape(metric)}[ \t]*[:=][ \t]*(\S+)"
    values = re.findall(number, text)
    last = found[-1]
    return LoggedRun(
        float(last[1]), text.count("\n", 0, last.start()) + 1, values[-1] if values else ""
    )
