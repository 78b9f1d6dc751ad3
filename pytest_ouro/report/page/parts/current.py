"""Write the runs that go on, for the page that is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.report.html.text import show
from pytest_ouro.report.page.parts.page import ID
from pytest_ouro.report.runs.current import describe_pause, describe_place, describe_progress

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from pytest_ouro.experiment.records.heartbeat import Heartbeat


def write_current(beats: Sequence[Heartbeat], ended: str, now: datetime.datetime) -> Iterator[str]:
    """Yield a bar for each run that goes on, or that none does. ``ended`` is the time of the record
    of the last run on the page ("" without one), ``now`` the present time with the offset of the
    machine's clock. Nobody vouches for the texts of heartbeats: all are redacted and escaped."""
    yield '<section class="now" aria-label="The current run">'
    clock = f"<p>At {now:%H:%M:%S}</p>"
    for beat in beats:
        place = describe_place(beat)
        yield (
            f"<p><b>Run <code>{beat.commit[:ID]}</code></b> {show(beat.description, 100)}</p>"
            f"<p>{show(' · '.join(describe_progress(beat)), 120)}</p>"
            f'<progress value="{beat.fraction:.3f}" aria-label="Share of the budget"></progress>'
            f"<p>{show(place[:1].upper() + place[1:], 120)}</p>{clock}"
        )
    if not beats:
        pause = describe_pause("the last one on this page", ended, now)
        yield f"<p>{pause.capitalize()}.</p>{clock}"
    yield "</section>"
