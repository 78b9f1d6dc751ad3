"""What every part of a page needs: its facts, and the exit for untrusted text."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.metric import Metric
from pytest_ouro.report.html import text
from pytest_ouro.report.runs.times import to_local_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_ouro.report.page.facts import Curve, Facts

#: The letters of a commit's id that are shown.
ID = 7
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True)
class Page:
    """A page that is rendered: its ``facts``; private text is shown too if it is ``raw``."""

    facts: Facts
    raw: bool

    def show(self, words: str, width: int = 300) -> str:
        """Return untrusted text as HTML without any effect, as `text.show` does; redacted unless
        the page is ``raw``."""
        return text.show(words, width, raw=self.raw)

    @cached_property
    def shows_offset(self) -> bool:
        """Whether each time is shown with its offset from UTC: on the clock of the machine that
        makes the page, the times of the night and of the runs have different ones, as when summer
        time begins or ends."""
        facts = self.facts
        ends = (facts["began"], facts["ended"])
        moments = map(to_local_time, (*ends, *(run["time"] for run in facts["runs"])))
        return len({moment.utcoffset() for moment in moments if moment}) > 1

    def show_time(self, recorded: str) -> str:
        """Return the time of a record as HTML, by the clock of the machine that makes the page,
        such as ``30 Nov 19:05``; with its offset from UTC if the page `shows_offset`. A text that
        is not a time is shown as `show` does, cut to 25 characters."""
        moment = to_local_time(recorded)
        if moment is None:
            return self.show(recorded, 25)
        clock = f"{moment.day} {_MONTHS[moment.month - 1]} {moment:%H:%M}"
        return f"{clock} {moment:%z}" if self.shows_offset else clock

    def link(self, place: int) -> str:
        """Return the short id of a run's commit as a link to the run, which has the index ``place``
        in the list of all runs."""
        return f"<a href=#r{place}>{self.facts['runs'][place]['commit'][:ID]}</a>"

    @property
    def has_several_curves(self) -> bool:
        """Whether there is more than one curve, so that a run must say on which it is."""
        return len(self.facts["curves"]) > 1


def make_metric(curve: Curve) -> Metric:
    """Return the metric of a curve, which writes its values as text."""
    return Metric(curve["metric"], curve["direction"], curve["unit"], decimals=curve["decimals"])


def make_table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    name: str = "",
) -> Iterator[str]:
    """Yield a table with a caption, whose cells are HTML; ``numbers`` are the columns that are
    aligned at the right, which the classes of the table say once for all rows. ``name`` is a
    further class. Nothing is yielded without a row."""
    every = list(rows)
    if not every:
        return
    classes = " ".join([name, *(f"n{column + 1}" for column in numbers)]).strip()
    yield f'<div class="wide"><table class="{classes}"><caption>{caption}</caption>'
    yield "<thead><tr>" + "".join(f'<th scope="col">{cell}' for cell in head) + "<tbody>"
    for row in every:
        yield "<tr>" + "".join(f"<td>{cell}" for cell in row)
    yield "</table></div>"
