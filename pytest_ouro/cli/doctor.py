"""``pytest-ouro doctor``: show what is enforced here and what is not, with the next step."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.cli import add_trust, find_bound
from pytest_ouro.cli.output import say, say_document
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.escape import escape_json
from pytest_ouro.doctor.examine import Examination, examine
from pytest_ouro.doctor.item import STATES
from pytest_ouro.doctor.machine import own_interpreter
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.doctor.selftest import Selftest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``doctor`` to its parser."""
    add_trust(parser)
    parser.add_argument(
        "--selftest",
        action="store_true",
        help="also run small scripts that cheat, and name the level that this proves (a minute)",
    )
    parser.add_argument(
        "--run-commands",
        action="store_true",
        help="start the interpreter that the rules name (read them first)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def main(args: argparse.Namespace) -> int:
    """Print the items, and after them the selftest if it is asked for; with ``--json``, all of it
    as one object at the end. Return the status of the items, as in `Examination.status`; at least 1
    if the selftest finds a lower level than the bound demands."""
    found = _examine(args.bound, args.trust, args.run_commands)
    if not args.json:
        for item in found.items:
            say(*item.lines)
        states = [item.state for item in found.items]
        counts = ", ".join(f"{states.count(s)} {s}" for s in STATES if s in states)
        say(f"ouro: doctor: {counts}")
    tested = _selftest(found, quiet=args.json) if args.selftest else None
    status = max(found.status, _below_demanded(found, tested))
    if args.json:
        say_document(_json(found, tested, status))
    elif tested is not None:
        if tested.why:
            say(f"ouro: selftest: no higher: {tested.why}")
        say(f"ouro: level {tested.level} is available here")
    return status


def _examine(given: Path | None, trust: str | None, run_commands: bool) -> Examination:
    """Return the examination of the bound that was ``given`` or is nearest. If there is none, an
    item of the examination reports that; nothing is raised."""
    try:
        path = find_bound(given)
    except OuroError as error:
        return examine(Path.cwd() / NAME, missing=error)
    return examine(path, trust=trust, run_commands=run_commands)


def _selftest(found: Examination, *, quiet: bool) -> Selftest:
    """Run the canaries and return their results; print each result unless ``quiet``. The canaries
    are those of a command if the bound names one, else those of a script.

    Scripts run under the bound's interpreter, or, without a bound or if that interpreter cannot be
    used, under the one of this process, as commands always do. OuroError after Ctrl-C, or if this
    process's interpreter is needed and cannot be used.
    """
    from pytest_ouro.doctor.selftest import describe, names, selftest

    def tell(text: str) -> None:
        """Print a line, unless ``quiet``."""
        if not quiet:
            say(text)

    try:
        python = found.machine.interpreter if found.machine else own_interpreter()
    except OuroError:  # an item reports it already
        python = own_interpreter()
    command = bool(found.machine and found.machine.experiment.command)
    count = len(names(torch=True, command=command))
    words = f"{count} canaries{' of a command' * command}, a supervised run each"
    if not python.torch and not command:
        words = f"torch is missing in {python.path}: only canaries that need none are tried"
    tell(f"ouro: selftest: {words}")
    try:
        return selftest(
            python.path,
            torch=python.torch,
            command=command,
            on_trial=lambda trial: tell(describe(trial)),
        )
    except KeyboardInterrupt:
        raise messages.selftest_interrupted() from None


def _below_demanded(found: Examination, tested: Selftest | None) -> int:
    """Return 1 if the level that the canaries found is below the one that the bound demands; else
    0, also if no canary was run or no bound was read."""
    if tested is None or found.machine is None:
        return 0
    demanded = found.machine.experiment.level
    return int(LEVELS.index(tested.level) < LEVELS.index(demanded))


def _json(found: Examination, tested: Selftest | None, status: int) -> str:
    """Return the exit status, the items and the selftest (null if it was not run) as the text of a
    JSON object, escaped."""
    facts = {
        "status": status,
        "items": [asdict(item) for item in found.items],
        "selftest": asdict(tested) if tested else None,
    }
    return escape_json(json.dumps(facts, ensure_ascii=False, indent=2))
