"""``pytest-ouro calibrate``: measure the noise of an experiment before a night."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pytest_ouro.cli import add_trust, find_bound
from pytest_ouro.cli.output import say
from pytest_ouro.core.limits import MOST_PAIRS
from pytest_ouro.engine import open_case
from pytest_ouro.messages import selection as messages
from pytest_ouro.report.position import EVERY, render

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.experiment.terms.job import Position


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``calibrate`` to its parser."""
    parser.add_argument(
        "--runs",
        type=int,
        default=8,
        metavar="N",
        help="how many runs to make, an even number from 4 to 2000 (default: 8)",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="run on this device")
    add_trust(parser)


def main(args: argparse.Namespace) -> int:
    """Measure and print the noise of the present commit. Return 0; 1 if a run gave no value that
    counts, or the values do not depend on the salts. OuroError if ``--runs`` is invalid or a run
    cannot be made, KeyboardInterrupt for Ctrl-C."""
    from pytest_ouro.experiment.records.sharing import join_case
    from pytest_ouro.experiment.selection.calibrate import calibrate

    if not 4 <= args.runs <= 2 * MOST_PAIRS or args.runs % 2:
        raise messages.invalid_runs(2 * MOST_PAIRS)
    case = join_case(open_case(find_bound(args.bound), trust=args.trust, run_commands=True))
    shown = _Shown()
    found = calibrate(case, runs=args.runs, device=args.device, progress=shown.show, say=say)
    case.close()
    say(*found.lines(), found.last_line)
    if found.result is not None and found.result.interrupted:
        raise KeyboardInterrupt
    return 0 if found.noise is not None else 1


class _Shown:
    """Prints where a run of the calibration stands, at most once in `EVERY` seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, position: Position) -> None:
        """Print the position of a run if `EVERY` seconds have passed since the last line, or before
        the first since this object was made."""
        if time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            say(render(position))
