"""``pytest-ouro watch``: a night in progress, from the records alone."""

from __future__ import annotations

import contextlib
import datetime
import gc
import time
from typing import TYPE_CHECKING

from pytest_ouro.cli import find_bound
from pytest_ouro.cli.output import demand_reader, redraw, say, terminal_size
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.experiment.records.heartbeat import match, read_heartbeats
from pytest_ouro.report.runs import frame
from pytest_ouro.report.runs.choose import leave_out_hidden, read_rules
from pytest_ouro.report.runs.follow import Follower
from pytest_ouro.report.runs.night_view import NightView

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pytest_ouro.experiment.records.heartbeat import Heartbeat

#: Seconds between two looks.
_EVERY = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``watch`` to its parser."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--once", action="store_true", help="print one frame, and end")
    form.add_argument(
        "--serve",
        type=int,
        nargs="?",
        const=0,
        metavar="PORT",
        help="serve the page of `report`, only to browsers of this machine (default: a free port)",
    )


def main(args: argparse.Namespace) -> int:
    """Show a night in progress until Ctrl-C: on a terminal as a frame that is drawn again each
    second, else as a line for each change. With ``--serve``, serve its page instead; with
    ``--once``, print one frame and end. Return 0. OuroError if there is no bound.toml or no
    repository, the journal cannot be read, or the port cannot be used."""
    path = find_bound(args.bound)
    if args.serve is not None:
        from pytest_ouro.cli.watch.server import serve  # a terminal needs no server

        gc.enable()
        serve(path, args.serve)
        return 0
    watch = Watch(path)
    watch.look()
    gc.freeze()  # the records stay: to examine them again and again would cost most of the time
    gc.enable()  # unlike other commands, it goes on for hours
    if args.once:
        say(*watch.draw(*(terminal_size() or (frame.WIDTH, frame.HEIGHT))))
        return 0
    with contextlib.suppress(KeyboardInterrupt):
        if terminal_size() is None:
            _print_changes(watch)
        else:
            _redraw(watch)
    return 0


def _redraw(watch: Watch) -> None:
    """Draw a frame each second, each in the place of the one before."""
    drawn = 0
    while True:
        width, height = terminal_size() or (frame.WIDTH, frame.HEIGHT)
        drawn = redraw(watch.draw(width, height - 1), drawn)
        time.sleep(_EVERY)
        watch.look()


def _print_changes(watch: Watch) -> None:
    """Print a line for each run that starts or ends, and for each statement, from now on; before
    them, one on each run that goes on."""
    known = {beat.run for beat in watch.beats}
    if watch.beats:
        say(*map(frame.describe_start, watch.beats))
    runs, statements = len(watch.view.runs), len(watch.follower.statements)
    while True:
        time.sleep(_EVERY)
        demand_reader()
        watch.look()
        lines = [frame.describe_start(beat) for beat in watch.beats if beat.run not in known]
        known |= {beat.run for beat in watch.beats}
        lines += map(frame.describe_end, watch.view.runs[runs:])
        lines += map(frame.describe_statement, watch.follower.statements[statements:])
        runs, statements = len(watch.view.runs), len(watch.follower.statements)
        if lines:
            say(*lines)


class Watch:
    """What is watched: the records as far as they are read (``follower``), the ``view`` of the
    night, and the runs that go on (``beats``)."""

    def __init__(self, path: Path) -> None:
        """Watch the experiment whose bound.toml is at ``path``. Raise GitError if there is no
        repository, and what `find_place` raises."""
        self._path, self._git = path, Git.discover(path.parent)
        place = find_place(self._git)
        self._journal, self._worktree = place.journal, place.worktree
        self.follower = Follower(self._journal)
        self._bound = read_rules(self._git, path)
        self.beats: list[Heartbeat] = []
        self.view = self._see()

    def look(self) -> None:
        """Read what has changed. Nothing is written, and nothing is locked. Raise RecordError if
        the journal cannot be read."""
        beats = read_heartbeats(self._journal)
        if self.follower.grew():
            self._bound = read_rules(self._git, self._path)
            self.view = self._see()
        found = (match(beat, self.follower.going) for beat in beats)
        self.beats = [beat for beat in found if beat is not None]

    def _see(self) -> NightView:
        """Return the view of the records that are read."""
        runs, now = self.follower.runs, datetime.datetime.now().astimezone()
        night = self._bound.night if self._bound else None
        shown = leave_out_hidden(self._git, self._bound, runs)
        return NightView.of(runs, shown, self.follower.statements, self._worktree, night, now)

    def draw(self, width: int, height: int) -> list[str]:
        """Return the lines of a frame of this size, escaped."""
        bound, night = self._bound, self._bound and self._bound.night
        return frame.render(
            self.view,
            self.beats,
            price=night.price if night else None,
            name=bound.name if bound else "",
            now=datetime.datetime.now().astimezone(),
            width=width,
            height=height,
        )
