"""Show the progress of a run under pytest: on a terminal one redrawn line, else one every 30 s."""

from __future__ import annotations

import shutil
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.escape import escape
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.position import EVERY, render, render_all, render_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

    from pytest_ouro.experiment.terms.job import Position
    from pytest_ouro.experiment.terms.job import Progress as ShowPosition

#: Characters of a permanent line; it may quote files of the repository.
MAX_WIDTH = 1000


class Progress:
    """Write the progress of a run through pytest's terminal reporter, with capture suspended.
    Nothing is written under ``-q`` or without a reporter."""

    def __init__(self, config: pytest.Config) -> None:
        """Use the terminal reporter and the capture manager of the session that ``config`` belongs
        to."""
        plugins = config.pluginmanager
        self._reporter: Any = plugins.get_plugin("terminalreporter")
        self._capture: Any = plugins.get_plugin("capturemanager")
        if config.get_verbosity() < 0:
            self._reporter = None
        self._terminal = bool(self._reporter and self._reporter.isatty)
        self._drawn = False
        self._last = time.monotonic() - (EVERY - 5)
        #: A function that is called with each position too, as often as it comes.
        self.watcher: ShowPosition | None = None

    def say(self, text: str) -> None:
        """Write ``text`` as a permanent line, escaped and cut to MAX_WIDTH characters; the redrawn
        line is erased first."""
        if self._reporter is not None:
            with self._uncaptured():
                self.close()
                self._reporter.ensure_newline()
                self._reporter.write_line(escape(clean(text, width=MAX_WIDTH)))
                self._reporter.flush()  # before capture resumes; a pipe needs it too

    def show(self, position: Position) -> None:
        """Show the position of the run: on a terminal by redrawing one line, at most twice a
        second; else by a permanent line every 30 s, the first one 5 s after this object was made at
        the earliest."""
        if self.watcher is not None:
            self.watcher(position)
        line = render(position)
        self._write(line, [line])

    def show_batch(self, positions: Sequence[Position], course: str) -> None:
        """Show the positions of the runs of a batch, as `show` does: on a terminal all of them in
        the redrawn line, after ``course``; else a permanent line for each."""
        self._write(render_all(positions, course), render_each(positions))

    def _write(self, drawn: str, permanent: Iterable[str]) -> None:
        """Redraw the line of a terminal as ``drawn``, at most twice a second; elsewhere write the
        lines ``permanent`` every 30 s."""
        if self._reporter is None:
            return
        now = time.monotonic()
        if self._terminal:
            if now - self._last < 0.5 and self._drawn:
                return
            with self._uncaptured():
                if not self._drawn:
                    self._reporter.ensure_newline()
                self._reporter.rewrite(_fit(drawn), erase=True)
                self._reporter.flush()
            self._drawn, self._last = True, now
        elif now - self._last >= EVERY:
            self._last = now
            for line in permanent:
                self.say(line)

    def close(self) -> None:
        """Erase the redrawn line, if one is shown; else do nothing."""
        if self._drawn:
            self._drawn = False
            with self._uncaptured():
                self._reporter.rewrite("", erase=True)
                self._reporter.flush()

    def _uncaptured(self) -> Any:
        """Return a context in which pytest captures no output."""
        capture = self._capture
        return capture.global_and_fixture_disabled() if capture is not None else nullcontext()


def _fit(text: str) -> str:
    """Return a line cut to the width of the terminal: one that is wrapped cannot be erased."""
    width = shutil.get_terminal_size().columns - 1
    return text if len(text) <= width else f"{text[: width - 1]}…"
