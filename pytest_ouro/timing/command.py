"""``python -m pytest_ouro.timing``: run two programs alternately, and print what they take.

python -m pytest_ouro.timing --reference CMD… --candidate CMD… [--rounds N] [--unit ms]
    [--count wall|cpu|instructions] [--metric NAME] [--work N] [--input FILE] [--same-output]
"""

from __future__ import annotations

import operator
import sys
from pathlib import Path
from typing import NoReturn

from pytest_ouro.timing.amounts import COUNTS, Refused
from pytest_ouro.timing.programs import Whole
from pytest_ouro.timing.rounds import compare

USAGE = """\
usage: python -m pytest_ouro.timing --reference CMD... --candidate CMD... [OPTION...]

Runs both programs alternately, in an order that is drawn, and prints, for an evaluate-command:

  NAME: what the candidate takes (the median)      NAME_error: its standard error
  NAME_reference: what the reference takes
  NAME_ratio: candidate over reference             NAME_ratio_error: its standard error

The candidate is started by OURO_CONFINE, where that is set, and in its own folder. A command ends
where the next of these options begins:

  --rounds N          how often each is run, an even number (20)
  --count COUNT       wall, cpu or instructions (cpu); instructions need perf
  --unit UNIT         s, ms, us or ns (ms)
  --metric NAME       the name of the metric (time)
  --work N            print how much of N is done in a second, not the time
  --input FILE        what both read from standard input (nothing)
  --same-output       refuse a candidate that does not print what the reference prints
"""
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_COMMANDS = ("--reference", "--candidate")
_VALUES = ("--rounds", "--count", "--unit", "--metric", "--work", "--input")
_FLAGS = ("--same-output", "--help")


def main(words: list[str]) -> None:
    """Execute the command with the arguments ``words``, and print the lines that `USAGE` describes;
    with ``--help``, or without words, print `USAGE`. Raise `Refused`, which says why, if the words
    cannot be used, or there is no lawful time."""
    if "--help" in words or not words:
        sys.stdout.write(USAGE)
        return
    commands, values, flags = _parse(words)
    count = values.get("--count", "cpu")
    if count not in COUNTS:
        _refuse(f"--count is {count}: write one of {', '.join(COUNTS)}")
    unit = values.get("--unit", "ms")
    if unit not in UNITS:
        _refuse(f"--unit is {unit}: write one of {', '.join(UNITS)}")
    instructions = count == "instructions"
    if instructions and values.keys() & {"--unit", "--work"}:
        _refuse("--unit and --work are of times: leave them out with --count instructions")
    rounds = _number(values, "--rounds", 20)
    if rounds < 2 or rounds % 2:
        _refuse(f"--rounds is {rounds:g}: write an even number above 0")
    work = _number(values, "--work", 0.0) if "--work" in values else None
    asked = _read(values["--input"]) if "--input" in values else b""
    found = compare(
        Whole(commands["--reference"], count=count),
        Whole(commands["--candidate"], count=count, candidate=True),
        lambda: asked,
        rounds=int(rounds),
        equal=operator.eq if "--same-output" in flags else None,
    )
    factor = 1.0 if instructions or work is not None else UNITS[unit]
    report = found.report(values.get("--metric", "time"), factor=factor, work=work)
    sys.stdout.write(f"{report}\n")


def _parse(words: list[str]) -> tuple[dict[str, list[str]], dict[str, str], set[str]]:
    """Return the words of the two commands and the values of the other options, each by the
    option's name, and the flags. Raise `Refused` if a command is missing or empty, a value is
    missing, or a word belongs to no option."""
    commands: dict[str, list[str]] = {}
    values: dict[str, str] = {}
    flags: set[str] = set()
    into: list[str] | None = None
    rest = iter(words)
    for word in rest:
        if word in _COMMANDS:
            into = commands[word] = []
        elif word in _FLAGS:
            flags.add(word)
            into = None
        elif word in _VALUES:
            values[word] = next(rest, "")
            into = None
            if not values[word]:
                _refuse(f"{word} lacks its value")
        elif into is None:
            _refuse(f"'{word}' belongs to no option")
        else:
            into.append(word)
    for name in _COMMANDS:
        if not commands.get(name):
            _refuse(f"{name} is missing: write {name} and the program with its arguments")
    return commands, values, flags


def _number(values: dict[str, str], name: str, default: float) -> float:
    """Return the number that an option states, above 0 and below 1e15; ``default`` without the
    option. Raise `Refused` if it states something else."""
    text = values.get(name, str(default))
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e15:
        _refuse(f"{name} is {text}: write a number above 0")
    return number


def _read(name: str) -> bytes:
    """Return the bytes of a file; raise `Refused` if it cannot be read."""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        _refuse(f"{name} cannot be read: {error.strerror}")


def _refuse(text: str) -> NoReturn:
    """Raise `Refused` with this text, and where the options are listed."""
    raise Refused(f"timing: {text} (python -m pytest_ouro.timing --help lists the options)")
