"""What an engine is: places in which workers measure, and the events that they send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.experiment.engines.events import Answer, Event, Request
    from pytest_ouro.experiment.known import Elsewhere


class Engine(Protocol):
    """Starts attempts in its places, one in each at a time. An engine decides nothing, writes no
    record, and starts no attempt twice: an attempt whose worker is gone gets the event `Lost`."""

    @property
    def capacity(self) -> int:
        """The number of attempts that can run at the same time."""

    @property
    def is_local(self) -> bool:
        """Whether candidates may run on this machine, as this user."""

    @property
    def elsewhere(self) -> Elsewhere | None:
        """The device and the data of its places; None if they are those of this machine."""

    def start(self, request: Request) -> None:
        """Start an attempt; fewer than ``capacity`` must be running. Raise ExperimentError if no
        worker can be started."""

    def answer(self, answer: Answer) -> None:
        """Send an answer to the worker of its attempt; do nothing if that is gone."""

    def wait(self, seconds: float) -> Sequence[Event]:
        """Wait until there are events, at most for ``seconds``, and return them in their order; ()
        if there are none. The last event of an attempt is `Ended`, `Refused` or `Lost`."""

    def give_up(self, attempt: str, why: str) -> None:
        """End the worker of an attempt, and what it started; the event `Lost` with this reason
        follows. Do nothing if the worker is gone."""

    def cancel(self) -> None:
        """End all attempts; their last events follow within seconds."""

    def close(self) -> None:
        """End all workers and what they started. Nothing is left when this returns."""
