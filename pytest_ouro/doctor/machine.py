"""What this machine has for the experiment: Python, device, data, a judge, a sandbox; the level."""

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
from pytest_ouro.core.errors import ExperimentError, OuroError
from pytest_ouro.doctor.item import Item
from pytest_ouro.evidence import data
from pytest_ouro.evidence.python.source import imported
from pytest_ouro.experiment.assurance import level, sandbox_spec
from pytest_ouro.experiment.devices import device, device_lock, nvml
from pytest_ouro.experiment.steps.jobs import interpreter, settings
from pytest_ouro.experiment.terms.job import passed
from pytest_ouro.experiment.terms.names import INTERFACE, PACKAGE, trusted_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.assurance.sandbox_spec import Availability

_SECONDS = 30.0
#: The words of a command that runs in the project's environment, and makes it if need be.
_UV = frozenset({"uv", "run", "--frozen", "--locked", "python"})
_ASK = (
    "import importlib.util, json, platform, sys; "
    "found = importlib.util.find_spec('torch') is not None; "
    "print(json.dumps([sys.executable, platform.python_version(), found]))"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python, and whether torch is installed for it."""

    path: str
    version: str
    torch: bool


def ask(command: tuple[str, ...], *, folder: Path, settings: Mapping[str, str]) -> Interpreter:
    """The interpreter that a command starts, as a run starts it; nothing is imported from
    the project, and nothing heavy at all.

    ExperimentError where it is none.
    """
    try:
        done = subprocess.run(
            [*command, "-IB", "-c", _ASK],
            cwd=folder,
            env={**passed(), **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        return Interpreter(*json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip().splitlines()
        why = next((line for line in said if line.startswith("error:")), (said or [str(error)])[-1])
        if isinstance(error, subprocess.TimeoutExpired):
            why = f"no answer within {_SECONDS:.0f} seconds"
        raise ExperimentError(
            f"'{shlex.join(command)}' starts no Python: {why}",
            help="install it, or fix 'python' in bound.toml",
        ) from None


def ours() -> Interpreter:
    """The Python that runs this, where no bound names another."""
    return ask((sys.executable,), folder=Path.cwd(), settings={})


@dataclass(frozen=True)
class Machine:
    """What a case finds here. Each part is observed once, when it is first asked for."""

    case: Case

    @cached_property
    def profile(self) -> Literal["cpu", "cuda"]:
        """The device that is used; the CPU where the one that the bound demands is missing."""
        try:
            return device.choose(self.case.experiment.device)
        except ExperimentError:
            return "cpu"

    @property
    def experiment(self) -> Experiment:
        return self.case.bound.experiments[self.profile]

    @cached_property
    def interpreter(self) -> Interpreter:
        """ExperimentError where the bound's command starts none."""
        environment = settings(self.case)
        command = self.experiment.python
        if not environment and command[0] == "uv" and _UV.issuperset(command):
            raise ExperimentError(
                "there is no .venv yet: to ask uv for Python would install one", help="uv sync"
            )
        return ask(
            interpreter(self.experiment), folder=self.case.evidence.root, settings=environment
        )

    @cached_property
    def sandbox(self) -> Availability:
        """What the sandbox's self-test found, whatever the bound says."""
        return sandbox_spec.available((self.interpreter.path,))

    @cached_property
    def lacks_torch(self) -> bool:
        """Whether the harness imports torch and this interpreter has none."""
        if self.experiment.command:
            return False
        tree = ast.parse(trusted_source(self.case, self.experiment.harness).encode("latin-1"))
        names = {name.partition(".")[0] for node in ast.walk(tree) for name in imported(node)}
        return "torch" in names and not self.interpreter.torch

    @cached_property
    def level(self) -> tuple[Level, str]:
        """The highest level here, and why it is no higher."""
        if self.lacks_torch:
            return "supervised", f"torch is missing in {self.interpreter.path}"
        return level.reachable(self.case, self.experiment, lambda: self.sandbox)

    def items(self) -> Iterator[Item]:
        """In the order in which it is told."""
        for topic, item in (
            ("python", self._python),
            ("device", self._device),
            ("data", self._data),
            ("judge", self._judge),
            ("sandbox", self._sandbox),
            ("level", self._level),
        ):
            try:
                yield item()
            except (SyntaxError, ValueError) as error:
                words = f"{self.experiment.harness} is not Python: {error}"
                yield Item(topic, "fails", words, f"fix {self.experiment.harness}, and bless it")
            except OuroError as error:
                yield Item(topic, "fails", error.message, error.help)

    def _python(self) -> Item:
        found = self.interpreter
        words = f"Python {found.version}, {found.path}"
        if self.lacks_torch:
            words += f": torch is missing, and {self.experiment.harness} imports it"
            uv = self.experiment.python[0] == "uv"
            install = "uv sync" if uv else f"{shlex.quote(found.path)} -m pip install torch"
            return Item("python", "fails", words, install)
        return Item("python", "ok", words + (", with torch" if found.torch else ""))

    def _device(self) -> Item:
        profile = device.choose(self.case.experiment.device)  # or it says what to do
        words = f"the processor ({device.cpu_name()})"
        if profile == "cuda":
            seen = device.selected()
            words = ", ".join(card.name for card in seen) or "CUDA, by a card that nobody names"
            words += f", driver {version}" if (version := nvml.driver_version()) else ""
            if strangers := nvml.foreign(seen):
                words += f", where process {strangers[0]['pid']} ({strangers[0]['name']}) computes"
                return Item("device", "weak", words, "let it end, or set CUDA_VISIBLE_DEVICES")
        if holder := device_lock.holder_of(device.lock_names(profile)):
            words += f", held by {holder}: the next run waits for it"
            return Item("device", "weak", words, "let that run end")
        return Item("device", "ok", f"{words}, free")

    def _data(self) -> Item:
        root, experiment = self.case.evidence.root, self.experiment
        if not experiment.data:
            words = "the bound names no data: none is compared from run to run"
            return Item("data", "off", words, "name it: data = [...] in bound.toml, then bless")
        wanted = tuple(dict.fromkeys((*experiment.data, *self._validation)))
        if lacking := data.missing(wanted, root):
            words = f"missing: {', '.join(lacking)}"
            if experiment.prepare:
                words += f"; the first run makes it by {experiment.prepare}"
                return Item("data", "weak", words, "pytest --ouro-experiment")
            maker = f"{shlex.join(experiment.python)} {self.case.bound.path(experiment.harness)}"
            return Item("data", "fails", words, maker if experiment.harness else "put it there")
        files = {p for g in experiment.data for p in data.files(g, root)}
        found = {data.name(path, root) for path in files}
        words = f"{len(found)} files"
        rules, evidence = self.case.bound.rules, self.case.evidence
        if files.isdisjoint(p for rule in rules for p in rule.checker.trusted_data(evidence)):
            words += ", compared by no rule"
            return Item("data", "weak", words, 'a rule with check = "frozen-data", then bless')
        if unknown := found - self.case.trust.data.keys():
            words += f", {len(unknown)} that are not blessed"
            return Item("data", "weak", words, "pytest-ouro bless, then commit bound.lock")
        return Item("data", "ok", f"{words}, blessed; the gate compares them")

    @property
    def _validation(self) -> list[str]:
        patterns = self.experiment.validation
        return [p for p in patterns if not p.startswith(PACKAGE)]

    def _judge(self) -> Item:
        experiment = self.experiment
        if not (why := level.no_judge(self.case, experiment)):
            words = f"{experiment.harness} has what a judge asks"
            if self.lacks_torch:
                return Item("judge", "fails", f"{words}, but not without torch", "see python")
            return Item("judge", "ok", f"{words}; a run says whether its metric is bits per byte")
        if experiment.command:
            help = "an evaluate-command that reads files, and imports nothing that was left there"
        elif "highest" in why:
            help = "take 'highest' out of bound.toml, then: pytest-ouro bless"
        else:
            needed = " and ".join(INTERFACE)
            help = f"give {experiment.harness} {needed}, then: pytest-ouro bless"
        return Item("judge", "weak", why, help)

    def _sandbox(self) -> Item:
        if not self.sandbox.ok:
            help = "cat /sys/kernel/security/lsm   (landlock must be among the words; Linux 5.13)"
            return Item("sandbox", "weak", f"none: {self.sandbox.why}", help)
        words = "the self-test holds: Landlock and a filter of system calls"
        experiment = self.experiment
        if LEVELS.index(experiment.highest) < LEVELS.index("sandboxed"):
            words += f', but the bound says highest = "{experiment.highest}"'
            help = "take 'highest' out of bound.toml, then: pytest-ouro bless"
            return Item("sandbox", "weak", words, help)
        if why := sandbox_spec.unhidden(self.case, experiment):
            help = "name what only the evaluation reads: validation = [...], then bless"
            if "missing" in why:
                help = self._data().next
            return Item("sandbox", "weak", f"{words}, but {why}", help)
        return Item("sandbox", "ok", words)

    def _level(self) -> Item:
        (level, why), demanded = self.level, self.experiment.level
        words = f"{level}" + (f" ({why})" if why else "")
        if LEVELS.index(level) < LEVELS.index(demanded):
            words += f"; the bound demands {demanded}: no run can be kept here"
            return Item("level", "fails", words, self._higher)
        words += f"; the bound demands {demanded}: a run can be kept"
        if level == "sandboxed":
            return Item("level", "ok", words)
        return Item("level", "weak", words, self._higher)

    @property
    def _higher(self) -> str:
        """The next step to a higher level: that of the first part which stands in its way."""
        parts = (self._python(), self._judge(), self._sandbox())
        return next((part.next for part in parts if part.next), "pytest-ouro doctor --selftest")
