"""Show the progress of a run under pytest: on a terminal one redrawn line, else one every 30 s."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.escape import escape
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.position import EVERY, render

if TYPE_CHECKING:
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
        if self._reporter is None:
            return
        now = time.monotonic()
        if self._terminal:
            if now - self._last < 0.5 and self._drawn:
                return
            with self._uncaptured():
                if not self._drawn:
                    self._reporter.ensure_newline()
                self._reporter.rewrite(render(position), erase=True)
                self._reporter.flush()
            self._drawn, self._last = True, now
        elif now - self._last >= EVERY:
            self._last = now
            self.say(render(position))

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
