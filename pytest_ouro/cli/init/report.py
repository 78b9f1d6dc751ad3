"""Say what ``init`` found, what it assumed, what does not hold yet, and the next commands."""

from __future__ import annotations

import json
import os
import posixpath
import shlex
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pytest_ouro.child import splits
from pytest_ouro.core.escape import escape_json, quoted
from pytest_ouro.evidence import data
from pytest_ouro.evidence import lock as lockfile
from pytest_ouro.evidence.python.returned import number_fault
from pytest_ouro.onboarding import limits
from pytest_ouro.onboarding.discover.runnable import faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.cli.first_gate import Lack
    from pytest_ouro.onboarding import Statement
    from pytest_ouro.onboarding.discover.project import Project
    from pytest_ouro.onboarding.section import Section


def as_json(facts: dict[str, object]) -> str:
    """Return facts as the text of a JSON object, escaped for a terminal."""
    return escape_json(json.dumps(facts, ensure_ascii=False, indent=2))


@dataclass(frozen=True)
class Report:
    """What `init` prints after it wrote bound.toml (``target``), or would have written it:
    ``is_written``. ``text`` is the file's text, ``found`` the project, ``statements`` its rules,
    and ``source`` says in words where they come from. ``lacks`` is what the first gate would find.

    ``rules`` is the BOUND section that the rules were read from, None if they were not.
    ``instructions`` is the text of the agent's instructions. ``call`` is the call of `init`, quoted
    for a shell, that writes the file.
    """

    target: Path
    text: str
    is_written: bool
    found: Project
    statements: list[Statement]
    rules: Section | None
    source: str
    lacks: list[Lack]
    call: str
    instructions: str = ""

    def lines(self) -> Iterator[str]:
        """Yield the report as lines of text, not yet escaped; before them those of bound.toml if it
        was not written."""
        if not self.is_written:
            yield from self.text.splitlines()
        word = "wrote" if self.is_written else "would write"
        yield f"ouro: {word} {self.target.name}: {len(self.statements)} rules, from {self.source}"
        for name, words in self._found():
            yield f"  {name:8} {words}"
        for words in self.found.remarks.assumed:
            yield f"  assumed: {words}"
        for words in self._notes():
            yield f"  note: {words}"
        for lack in self.lacks:
            yield f"  does not hold yet: {f'{lack.rule}: ' if lack.rule else ''}{lack.what}"
            yield f"    help: {lack.help}"
        yield "next:"
        for words in self._next():
            yield f"  {words}"

    def facts(self) -> dict[str, object]:
        """Return the report as an object for JSON, with the same parts as `lines` and the text of
        bound.toml."""
        return {
            "file": self.target.name,
            "written": self.is_written,
            "text": self.text,
            "rules": len(self.statements),
            "source": self.source,
            "found": dict(self._found()),
            "assumed": self.found.remarks.assumed,
            "notes": list(self._notes()),
            "lacks": [asdict(lack) for lack in self.lacks],
            "next": list(self._next()),
        }

    def _found(self) -> Iterator[tuple[str, str]]:
        """Yield a tuple for each fact of the experiment: its name, and its value in words."""
        experiment = self.found.experiment
        if experiment.script:
            yield (
                "script",
                (
                    f"{posixpath.join(experiment.root, experiment.script)}, run by "
                    f"{' '.join(experiment.python)}"
                ),
            )
        else:
            yield "command", shlex.join(experiment.command)
        yield "changes", ", ".join(experiment.editable)
        if experiment.script:
            functions = [experiment.evaluate, *([experiment.loader] if self.found.serves else [])]
            yield "harness", f"{experiment.harness}: {', '.join(functions)}"
        else:
            yield "fixed", ", ".join(self.found.fixed) or "nothing that measures"
        unit = f" in {experiment.unit}" if experiment.unit else ""
        yield "metric", f"{experiment.metric}{unit}, {experiment.direction} is better"
        yield "budget", f"{experiment.budget:g} s, on {experiment.device}"
        yield "level", f"{experiment.level} at least"
        yield "ledger", experiment.ledger
        yield "data", ", ".join(experiment.data) or "none known: --data GLOB names it"

    def _notes(self) -> Iterator[str]:
        """Yield each note for a person: rules with a reason, bullets of the BOUND section under no
        heading, remarks on the project, notes on its harness, a sentence for each thing that the
        command or interpreter needs and a run would not have (`faults`), and one for each number
        beside the metric that the instructions limit, with the ``[[guard]]`` that holds runs to it
        (`limits.guards`). Yield nothing if there are no notes."""
        for statement in self.statements:
            if statement.reason:
                check = statement.check
                judged = "for people" if check == "human" else f"judged by {check}"
                yield f"{statement.section}::{statement.id} is {judged}: {statement.reason}"
        for line in self.rules.orphan_lines if self.rules else ():
            assert self.rules is not None
            yield f"{self.rules.file}:{line} is under none of the three headings"
        yield from self.found.remarks.notes
        yield from self._harness_notes()
        experiment = self.found.experiment
        words = experiment.command or experiment.python
        yield from faults(words, self.target.parent, self.found.tracked)
        yield from limits.guards(self.instructions, experiment.metric)

    def _harness_notes(self) -> Iterator[str]:
        """Yield a note if the harness lacks a loader, or has one and nothing states the time of
        training; if the evaluation returns several numbers; and for each way in which the harness
        hands out the validation data. Nothing for a command."""
        found, experiment = self.found, self.found.experiment
        if found.harness is None:
            return
        if not found.serves:
            yield (
                f"{experiment.harness} defines no {experiment.loader}: no clock starts before "
                "its first batch, and no rule demands an exact time (--loader NAME)"
            )
        elif not found.timed:
            yield (
                f"neither {experiment.harness} nor {experiment.script} states a time of training, "
                "so that the budget is a limit and not exact"
            )
        asked = (experiment.harness, experiment.evaluate, experiment.metric)
        if fault := number_fault(found.harness.source, *asked):
            yield f"{fault.message}: {fault.help} (--metric NAME)"
        source = found.harness.source.text.encode(errors="replace").decode("latin-1")
        for words in splits.handed_out(source, experiment.evaluate):
            yield (
                f"{experiment.harness} hands out the validation data: {words}; a run gives the "
                "script the training split alone, and only a sandbox hides the files of the other"
            )

    def _next(self) -> Iterator[str]:
        """Yield what to do next: the help of each lack, mostly a command, and then commands for the
        current folder, some with a comment after ``#``. If bound.toml was not written, yield only
        ``call``."""
        experiment = self.found.experiment
        folder = os.path.relpath(self.target.parent)
        place = posixpath.normpath(posixpath.join(folder, self.target.name))
        name, lock = (quoted(shlex.quote(path)) for path in (place, _lock_beside(place)))
        given = f" --bound {name}" if folder != "." else ""
        if not self.is_written:
            yield self.call
            return
        for lack in self.lacks:
            if lack.help:
                yield lack.help
        if experiment.harness and data.missing(
            experiment.data, self.target.parent / experiment.root
        ):
            script = posixpath.normpath(posixpath.join(folder, experiment.root, experiment.harness))
            yield f"{' '.join(experiment.python)} {script}   # makes the data"
        yield f"git add {name} && git commit -m 'State the rules'   # when you have read {name}"
        yield (
            f"pytest-ouro bless{given} && git add {lock} && git commit -m 'Bless the rules'   "
            "# a person, not an agent"
        )
        found = f" --ouro-bound {name}" if given else ""
        yield f"pytest{found} --ouro-experiment   # the baseline"
        yield f"pytest-ouro init{given} --go   # or these three at once"
        yield f"pytest-ouro init{given} --hook   # lets git run the gate"
        yield f"pytest-ouro init{given} --agents   # puts the loop where an agent reads it"


def _lock_beside(place: str) -> str:
    """Return the path of the lock beside the bound at ``place``."""
    return posixpath.join(posixpath.dirname(place), lockfile.NAME)
