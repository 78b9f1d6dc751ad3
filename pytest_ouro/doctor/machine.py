"""Examine what this machine has for the experiment: Python, device, data, judge, sandbox, level."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.child import splits
from pytest_ouro.core.child_environment import child_environment
from pytest_ouro.core.errors import ExperimentError, OuroError, TrustError
from pytest_ouro.doctor.item import Item
from pytest_ouro.evidence import data
from pytest_ouro.evidence.python.source import imported
from pytest_ouro.experiment.assurance import level, sandbox_spec
from pytest_ouro.experiment.devices import device, nvml, slots
from pytest_ouro.experiment.steps.jobs import interpreter, settings
from pytest_ouro.experiment.terms.names import INTERFACE, PACKAGE, demand_programs, trusted_source
from pytest_ouro.messages import command_line as messages
from pytest_ouro.messages import trust as trust_messages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.assurance.sandbox_spec import Availability

#: Seconds in which an interpreter must answer.
_SECONDS = 30.0
#: The words of a command that runs in the project's environment, and would install a missing one.
_UV = frozenset({"uv", "run", "--frozen", "--locked", "python"})
_RAISE_LEVEL = "take 'highest' out of bound.toml, then: pytest-ouro bless"
_QUERY = (
    "import importlib.util, json, platform, sys; "
    "found = importlib.util.find_spec('torch') is not None; "
    "print(json.dumps([sys.executable, platform.python_version(), found]))"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python interpreter: its path, its version, and whether torch is installed for it."""

    path: str
    version: str
    torch: bool


def query(command: tuple[str, ...], *, folder: Path, settings: Mapping[str, str]) -> Interpreter:
    """Start an interpreter by ``command`` in ``folder``, with the variables of `child_environment`
    and ``settings``, and return what it reports of itself.

    It imports neither torch nor anything of the project. ExperimentError if it does not start,
    fails, does not answer in time, or answers something else.
    """
    try:
        done = subprocess.run(
            [*command, "-IB", "-c", _QUERY],
            cwd=folder,
            env={**child_environment(), **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        return Interpreter(*json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        text = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip()
        lines = text.splitlines() or [str(error)]
        why = next((line for line in lines if line.startswith("error:")), lines[-1])
        if isinstance(error, subprocess.TimeoutExpired):
            why = f"no answer within {_SECONDS:.0f} seconds"
        raise messages.no_python(shlex.join(command), why) from None


def own_interpreter() -> Interpreter:
    """Return path, version and torch of the interpreter of this process, which is started once more
    for that. ExperimentError as in `query`."""
    return query((sys.executable,), folder=Path.cwd(), settings={})


@dataclass(frozen=True)
class Machine:
    """What this machine has for the experiment of ``case`` (its trusted rules and the repository).
    Each part is observed once, when it is first needed."""

    case: Case

    @cached_property
    def profile(self) -> Literal["cpu", "cuda"]:
        """The device of a run here; ``cpu`` if the one that the bound demands is missing."""
        try:
            return device.choose(self.case.experiment.device)
        except ExperimentError:
            return "cpu"

    @property
    def experiment(self) -> Experiment:
        """The bound's settings of the experiment, with those of the profile."""
        return self.case.bound.experiments[self.profile]

    @cached_property
    def interpreter(self) -> Interpreter:
        """The interpreter of a run. ExperimentError if this machine lacks a program that the bound
        names, or if the bound's command does not start an interpreter, or would first install an
        environment. TrustError if it is not the one of this process and this user did not allow to
        start it: the repository may have brought it along."""
        demand_programs(self.experiment, self.case.bound.guards)
        environment, started = settings(self.case), interpreter(self.experiment)
        if started != (sys.executable,) and not self.case.evidence.may_run_commands:
            program = shlex.join(self.experiment.python)
            raise trust_messages.commands_not_allowed(program, "doctor")
        command = self.experiment.python
        if not environment and command[0] == "uv" and _UV.issuperset(command):
            raise messages.no_environment()
        return query(started, folder=self.case.evidence.root, settings=environment)

    @cached_property
    def sandbox(self) -> Availability:
        """The result of the sandbox's self-test under the interpreter, also if the bound does not
        allow a sandbox. Raises as `interpreter` does."""
        return sandbox_spec.available((self.interpreter.path,))

    @cached_property
    def lacks_torch(self) -> bool:
        """Whether the harness imports torch and the interpreter does not have it; False for a
        command. Raise SyntaxError or ValueError if the harness is not Python, and the errors of
        `interpreter`."""
        if self.experiment.command:
            return False
        tree = ast.parse(trusted_source(self.case, self.experiment.harness).encode("latin-1"))
        names = {name.partition(".")[0] for node in ast.walk(tree) for name in imported(node)}
        return "torch" in names and not self.interpreter.torch

    @cached_property
    def level(self) -> tuple[Level, str]:
        """The highest level that a run can reach here, and why it is not higher, "" for the
        highest. Raises as `lacks_torch` does, and ExperimentError if the harness is not trusted."""
        if self.lacks_torch:
            return "supervised", f"torch is missing in {self.interpreter.path}"
        return level.reachable(self.case, self.experiment, lambda: self.sandbox)

    def items(self) -> Iterator[Item]:
        """Yield an item for each topic, in the order of the report; an error becomes the item of
        its topic: a TrustError ``unknown``, any other ``fails``. The topic ``splits`` has none for
        a command, or if the harness does not hand out held-out data."""
        for topic, item in (
            ("python", self._python),
            ("device", self._device),
            ("data", self._data),
            ("judge", self._judge),
            ("sandbox", self._sandbox),
            ("splits", self._splits),
            ("level", self._level),
        ):
            try:
                if (found := item()) is not None:
                    yield found
            except (SyntaxError, ValueError) as error:
                words = f"{self.experiment.harness} is not Python: {error}"
                yield Item(topic, "fails", words, f"fix {self.experiment.harness}, and bless it")
            except TrustError as error:
                words = error.message if topic == "python" else "it depends on the interpreter"
                yield Item(topic, "unknown", words, error.help)
            except OuroError as error:
                yield Item.from_error(topic, "fails", error)

    def _python(self) -> Item:
        """Return the item about the interpreter: ``fails`` if the harness imports torch and the
        interpreter has none, else ``ok``. Raises as `lacks_torch`."""
        found = self.interpreter
        words = f"Python {found.version}, {found.path}"
        if self.lacks_torch:
            words += f": torch is missing, and {self.experiment.harness} imports it"
            uv = self.experiment.python[0] == "uv"
            install = "uv sync" if uv else f"{shlex.quote(found.path)} -m pip install torch"
            return Item("python", "fails", words, install)
        return Item("python", "ok", words + (", with torch" if found.torch else ""))

    def _device(self) -> Item:
        """Return the item about the device of a run: ``weak`` if another process computes on the
        card, or if other runs of pytest-ouro hold the locks of the device, so that the next run
        would wait; else ``ok``. ExperimentError if the bound's device is missing."""
        profile = device.choose(self.case.experiment.device)  # raises if it is missing
        words, number = f"the processor ({device.cpu_name()})", self.experiment.slots
        if profile == "cpu" and number > 1:
            words += f", {number} slots of {len(slots.parts(number)[0])} cores"
        if profile == "cuda":
            seen = device.selected()
            words = ", ".join(card.name for card in seen) or "a CUDA card of unknown name"
            words += f", driver {version}" if (version := nvml.driver_version()) else ""
            if others := nvml.foreign(seen):
                words += f", where process {others[0]['pid']} ({others[0]['name']}) computes"
                return Item("device", "weak", words, "let it end, or set CUDA_VISIBLE_DEVICES")
        if holder := slots.holder(profile, number):
            words += f", held by {holder}: the next run waits for it"
            return Item("device", "weak", words, "let that run end")
        return Item("device", "ok", f"{words}, free")

    def _data(self) -> Item:
        """Return the item about the data: ``off`` if the bound names no files; ``fails`` if some
        are missing, but ``weak`` if the first run makes them; ``weak`` too if no rule compares the
        files or bound.lock does not have the digests of all of them; else ``ok``."""
        root, experiment = self.case.evidence.root, self.experiment
        if not experiment.data:
            words = "the bound names no data: none is compared from run to run"
            return Item("data", "off", words, "name it: data = [...] in bound.toml, then bless")
        validation = (p for p in experiment.validation if not p.startswith(PACKAGE))
        wanted = tuple(dict.fromkeys((*experiment.data, *validation)))
        if missing := data.missing(wanted, root):
            words = f"missing: {', '.join(missing)}"
            if experiment.prepare:
                words += f"; the first run makes it by {experiment.prepare}"
                return Item("data", "weak", words, "pytest --ouro-experiment")
            harness = self.case.bound.path(experiment.harness)
            make = f"{shlex.join(experiment.python)} {self.case.repository.git.word(harness)}"
            return Item("data", "fails", words, make if experiment.harness else "put it there")
        files, blessed = data.names(experiment.data, root), self.case.trust.data
        words = f"{len(files)} files"
        rules, evidence = self.case.bound.rules, self.case.evidence
        ruled = (path for rule in rules for path in rule.checker.trusted_data(evidence))
        if files.keys().isdisjoint(ruled):
            words += ", compared by no rule"
            return Item("data", "weak", words, 'a rule with check = "frozen-data", then bless')
        found = {data.blessed_name(path, name, root, blessed) for path, name in files.items()}
        if unknown := found - blessed.keys():
            words += f", {len(unknown)} that are not blessed"
            return Item("data", "weak", words, "pytest-ouro bless, then commit bound.lock")
        return Item("data", "ok", f"{words}, blessed; the gate compares them")

    def _judge(self) -> Item:
        """Return the item about the judge, the process that computes the metric apart from the
        experiment: ``weak``, with the reason, if there can be no judge; ``fails`` if the harness
        imports torch and the interpreter lacks it; else ``ok``, also for a command whose evaluation
        can run apart. Raises as `lacks_torch`, and ExperimentError if the harness is not
        trusted."""
        experiment = self.experiment
        if not (why := level.no_judge(self.case, experiment)):
            if experiment.command:
                words = "the evaluation runs apart; a run says whether it ran the candidate's code"
                return Item("judge", "ok", words)
            words = f"{experiment.harness} has what a judge needs"
            if self.lacks_torch:
                return Item("judge", "fails", f"{words}, except for torch", self._python().next)
            return Item("judge", "ok", f"{words}; a run says whether its metric is bits per byte")
        if "highest" in why:
            help = _RAISE_LEVEL
        elif "validation" in why:
            help = self._sandbox().next
        elif experiment.command:
            help = 'evaluate-command = ["python", "evaluate.py"], then: pytest-ouro bless'
        else:
            needed = " and ".join(INTERFACE)
            help = f"give {experiment.harness} {needed}, then: pytest-ouro bless"
        return Item("judge", "weak", why, help)

    def _sandbox(self) -> Item:
        """Return the item about the sandbox: ``weak``, with the reason, if the self-test fails, the
        bound does not allow a sandbox, or the validation data cannot be hidden; else ``ok``. Raises
        as `interpreter`."""
        if not self.sandbox.ok:
            help = "cat /sys/kernel/security/lsm   (landlock must be among the words; Linux 5.13)"
            return Item("sandbox", "weak", f"none: {self.sandbox.why}", help)
        words = "the self-test holds: Landlock and a filter of system calls"
        experiment = self.experiment
        if LEVELS.index(experiment.highest) < LEVELS.index("sandboxed"):
            words += f', but the bound says highest = "{experiment.highest}"'
            return Item("sandbox", "weak", words, _RAISE_LEVEL)
        if why := sandbox_spec.unhidden(self.case, experiment):
            help = "name what only the evaluation reads: validation = [...], then bless"
            if "missing" in why:
                help = self._data().next
            return Item("sandbox", "weak", f"{words}, but {why}", help)
        return Item("sandbox", "ok", words)

    def _splits(self) -> Item | None:
        """Return the item about how the harness hands out the validation data: ``ok`` at the level
        sandboxed, ``weak`` below. None for a command, or if the harness does not hand it out.
        Raises as `level`."""
        experiment = self.experiment
        if experiment.command:
            return None
        found = splits.handed_out(
            trusted_source(self.case, experiment.harness), experiment.evaluate
        )
        if not found:
            return None
        words = f"in {experiment.harness}, {' and '.join(found)}; a run gives the script the"
        words += " training split alone"
        if self.level[0] == "sandboxed":
            return Item("splits", "ok", f"{words}, and the sandbox hides the files of the other")
        words += ", which code that is written to deceive gets around below sandboxed"
        return Item("splits", "weak", words, self._next_level())

    def _level(self) -> Item:
        """Return the item about the level: ``fails`` if it is below the level that the bound
        demands, ``weak`` if it is not the highest of all, else ``ok``. Raises as `level`."""
        (level, why), demanded = self.level, self.experiment.level
        words = f"{level}" + (f" ({why})" if why else "")
        words += f"; the bound demands {demanded}: "
        if LEVELS.index(level) < LEVELS.index(demanded):
            return Item("level", "fails", f"{words}no run can be kept here", self._next_level())
        words += "a run can be kept"
        if level == "sandboxed":
            return Item("level", "ok", words)
        return Item("level", "weak", words, self._next_level())

    def _next_level(self) -> str:
        """Return the next step to a higher level: that of the first item about the interpreter, the
        judge or the sandbox that has one, else to run the selftest. Raises as `_python`, `_judge`
        and `_sandbox` do."""
        items = (self._python(), self._judge(), self._sandbox())
        return next((item.next for item in items if item.next), "pytest-ouro doctor --selftest")
