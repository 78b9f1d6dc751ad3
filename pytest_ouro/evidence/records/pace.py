"""Describe the training of a run in words: when its clock started, and how long its batches
took."""

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
    """The attributes of a measured or recorded run that `describe_pace` reads. ``clock_start`` says
    what started the run's clock ("": unknown), ``clock_after`` how many seconds after the script's
    start that was.

    ``pace`` is {} if it is not known; otherwise it has all of these. ``batches`` is the number of
    batches, ``before`` that of those before the clock started. ``usually`` and ``longest`` are the
    seconds of a usual batch and of the longest. The first ``slow`` batches took ``slow-seconds``
    while the clock ran; both are 0 if none was slow.
    """

    @property
    def pace(self) -> Mapping[str, float]: ...
    @property
    def clock_start(self) -> str: ...
    @property
    def clock_after(self) -> float: ...


def describe_pace(run: Course) -> str:
    """Return a text to append to a sentence, ``: its clock started …``, that says when the run's
    clock started and, if ``pace`` is known, how many batches there were and how long they took; ""
    if the start is unknown."""
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
    """Return a time in words: ``12.3 s``, or with two significant digits below one second."""
    return f"{value:.1f} s" if value >= 1 else f"{value:.2g} s"
