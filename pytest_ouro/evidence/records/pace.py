"""Say in words how the training of a run went: when its clock started, how long its steps were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_STARTS = {
    "batch": "with the first batch",
    "warmup-tokens": "when warmup-tokens were served",
    "warmup-seconds": "by warmup-seconds, before warmup-tokens were served",
    "startup-seconds": "by startup-seconds",
}


class Course(Protocol):
    """A run, measured or recorded. ``pace`` has the numbers that `supervision.pace` sums up."""

    @property
    def pace(self) -> Mapping[str, float]: ...
    @property
    def clock_start(self) -> str: ...
    @property
    def clock_after(self) -> float: ...


def describe_pace(run: Course) -> str:
    """Return when the clock of a run started, and how many batches were served of what length, as
    ``: its clock started …``, the end of a sentence; "" if that is not known."""
    if run.clock_start not in _STARTS:
        return ""
    text = (
        f": its clock started {_STARTS[run.clock_start]}, {run.clock_after:.1f} s after the script"
    )
    pace = run.pace
    if not pace:
        return text
    text += f"; {pace['batches']:.0f} batches"
    text += f" ({pace['before']:.0f} before it)" if pace["before"] else ""
    text += f", {_seconds(pace['usually'])} each"
    if pace["slow-seconds"]:
        text += f", the first {pace['slow']:.0f} took {_seconds(pace['slow-seconds'])} of it"
    elif pace["longest"] > 3 * pace["usually"]:
        text += f", the longest {_seconds(pace['longest'])}"
    return text


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{value:.2g} s"
