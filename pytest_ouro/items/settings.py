"""Read the options of a pytest session into one frozen value."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import pytest

from pytest_ouro.bound.read import NAME
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.limits import MOST_PAIRS, PAIRS
from pytest_ouro.messages import command_line, engines
from pytest_ouro.messages import plugin as messages
from pytest_ouro.report.html.endings import REPORTS

if TYPE_CHECKING:
    from pytest_ouro.bound.tables import Device

#: The options that ask for runs, of which a session carries out one; "" stands for no such option.
Task = Literal["", "--ouro-experiment", "--ouro-certify", "--ouro-confirm", "--ouro-ablate"]
#: The names by which pytest knows these options.
TASKS: dict[str, Task] = {
    "ouro_experiment": "--ouro-experiment",
    "ouro_certify": "--ouro-certify",
    "ouro_confirm": "--ouro-confirm",
    "ouro_ablate": "--ouro-ablate",
}
#: The libraries that ``--ouro-trackio`` may name, which have the same calls; the first by default.
LIBRARIES = ("trackio", "wandb")
#: The last line of an experiment that could not start.
CLOSED = "ouro: closed reason=cannot-run"


@dataclass(frozen=True)
class Settings:
    """The options of one session. ``bound`` is an absolute path. ``trust``, ``device`` and
    ``budget`` (in seconds) are None if they are not given. ``task`` is the option that asks for
    runs, "" if none does; ``revision`` is the argument of ``--ouro-confirm``, otherwise "".
    ``settle`` says whether a verdict is applied to the branch, and ``repeat`` is the number of runs
    of an experiment; ``again`` says whether code that was measured before is run again, and whether
    a new certificate is begun where one is unfinished. ``pairs`` is the number of pairs of a
    certificate or an ablation, and ``looks`` how many certificates are stated before the first (0:
    no number). ``trackio`` is the project that shows the runs live, of trackio or as
    ``wandb:PROJECT`` ("": none), and ``reports`` are the absolute paths of the files to write at
    the end. ``candidates`` are the words that name commits to measure in place of HEAD. ``engine``:
    an engine is named; ``places`` is how many runs it makes at a time (0: as many as there are
    devices), and ``ray`` the address of its Ray cluster, as `find_address` returns it ("": it is
    not Ray)."""

    bound: Path
    trust: str | None
    device: Device | None
    budget: float | None
    task: Task
    revision: str
    settle: bool
    repeat: int
    again: bool
    pairs: int
    looks: int
    trackio: str
    reports: tuple[Path, ...]
    candidates: tuple[str, ...]
    engine: bool
    places: int
    ray: str

    @property
    def experiment(self) -> bool:
        """Whether an experiment is asked for."""
        return self.task == "--ouro-experiment"


def absolute_path(config: pytest.Config, arg: str) -> Path:
    """Return the absolute path of the file in an argument or node id, from the folder in which
    pytest was started. Links are not followed."""
    path = Path(config.invocation_params.dir, arg.split("::")[0])
    return Path(os.path.abspath(path))  # noqa: PTH100


def _find_bound(config: pytest.Config) -> Path:
    """Return the absolute path of this session's bound: from ``--ouro-bound``, else the first
    argument called bound.toml, else the ini key ``ouro_bound`` (from the root folder), else
    bound.toml in the root folder. The file may not exist."""
    if given := config.getoption("ouro_bound"):
        return absolute_path(config, given)
    named = (path for arg in config.args if (path := absolute_path(config, arg)).name == NAME)
    configured = Path(config.rootpath, config.getini("ouro_bound") or NAME)
    return next(named, None) or absolute_path(config, str(configured))


def read_settings(config: pytest.Config) -> Settings:
    """Return the options of the session. Raise UsageError for an unknown device, a budget that is
    not above 0, a number of repeats, pairs or looks that is out of its range, for two options that
    ask for runs, for a budget or one of these numbers with an option that has no use for it, for an
    empty ``--ouro-confirm``, and as `_read_candidates`, `_read_engine`, `_read_tracking` and
    `_read_reports` do."""
    device = config.getoption("ouro_device") or config.getini("ouro_device") or None
    if device not in (None, "auto", "cpu", "cuda"):
        source = str(config.inipath or "the ini file")
        raise pytest.UsageError(str(messages.invalid_device(device, source)))
    budget = config.getoption("ouro_budget")
    if budget is not None and not budget > 0:
        raise pytest.UsageError(str(messages.invalid_budget()))
    repeat = config.getoption("ouro_repeat")
    if repeat < 1:
        raise pytest.UsageError(str(messages.invalid_repeat()))
    pairs, looks = config.getoption("ouro_pairs"), config.getoption("ouro_looks")
    if not 2 <= (PAIRS if pairs is None else pairs) <= MOST_PAIRS or not 0 <= looks <= MOST_PAIRS:
        raise pytest.UsageError(str(messages.invalid_pairs(MOST_PAIRS)))
    if config.getoption("ouro_confirm") == "":
        raise pytest.UsageError(str(messages.no_revision()))
    tasks = find_tasks(config.option)
    if len(tasks) > 1:
        raise pytest.UsageError(str(messages.two_tasks(*tasks[:2])))
    if budget is not None and tasks and tasks[0] != "--ouro-experiment":
        raise pytest.UsageError(str(messages.no_rehearsal(tasks[0])))
    if tasks and tasks[0] != "--ouro-experiment" and repeat > 1:
        raise pytest.UsageError(str(messages.not_used("--ouro-repeat", tasks[0])))
    if tasks and tasks[0] not in ("--ouro-certify", "--ouro-ablate") and pairs is not None:
        raise pytest.UsageError(str(messages.not_used("--ouro-pairs", tasks[0])))
    if tasks and tasks[0] != "--ouro-certify" and looks:
        raise pytest.UsageError(str(messages.not_used("--ouro-looks", tasks[0])))
    places, address = _read_engine(config)
    return Settings(
        bound=_find_bound(config),
        trust=config.getoption("ouro_trust"),
        device=cast("Device | None", device),
        budget=budget,
        task=tasks[0] if tasks else "",
        revision=config.getoption("ouro_confirm") or "",
        settle=config.getoption("ouro_settle") or config.getini("ouro_settle"),
        repeat=repeat,
        again=config.getoption("ouro_again"),
        pairs=PAIRS if pairs is None else pairs,
        looks=looks,
        trackio=_read_tracking(config.getoption("ouro_trackio")),
        reports=_read_reports(config),
        candidates=_read_candidates(config),
        engine=config.getoption("ouro_engine") is not None,
        places=places,
        ray=address,
    )


def _read_candidates(config: pytest.Config) -> tuple[str, ...]:
    """Return the words of ``--ouro-candidates``, () if it is not given. Raise UsageError if it is
    given without a word that could name a commit, as with an empty file."""
    words = config.getoption("ouro_candidates")
    if words is not None and not any(word.strip() for word in words):
        raise pytest.UsageError(str(engines.no_candidates()))
    return tuple(words or ())


def _read_engine(config: pytest.Config) -> tuple[int, str]:
    """Return how many runs are made at a time (0: not stated), and the address of the Ray cluster
    that makes them ("": none does), by ``--ouro-engine``. Raise UsageError for another engine than
    ``local``, ``local=N``, ``ray`` and ``ray=ADDRESS``, for a cluster that `find_address` refuses,
    for an engine that has no runs to make, for candidates without an experiment, and for either
    with an option that has no use for it."""
    words, engine = config.getoption("ouro_candidates"), config.getoption("ouro_engine")
    repeats = config.getoption("ouro_repeat") > 1
    if words and not config.getoption("ouro_experiment"):
        raise pytest.UsageError(str(engines.only_with_experiment()))
    tasks = find_tasks(config.option)
    several = words or (repeats and tasks == ["--ouro-experiment"])
    if engine is not None and not several and not {*tasks} & {"--ouro-certify", "--ouro-confirm"}:
        raise pytest.UsageError(str(engines.nothing_for_engine()))
    if words and repeats:
        raise pytest.UsageError(str(messages.not_used("--ouro-repeat", "--ouro-candidates")))
    if config.getoption("ouro_trackio") is not None and (words or engine is not None):
        with_option = "--ouro-candidates" if words else "--ouro-engine"
        raise pytest.UsageError(str(messages.not_used("--ouro-trackio", with_option)))
    if engine is None or engine == "local":
        return 0, ""
    name, _, number = engine.partition("=")
    if name == "ray" and (number or engine == name):
        from pytest_ouro.experiment.engines.on_ray.engine import find_address

        try:
            return 0, find_address(number)
        except OuroError as error:
            raise pytest.UsageError(str(error)) from None
    if name != "local" or not number.isdecimal() or not 1 <= int(number) <= MOST_PAIRS:
        raise pytest.UsageError(str(engines.unknown_engine(engine)))
    return int(number), ""


def _read_reports(config: pytest.Config) -> tuple[Path, ...]:
    """Return the files to write at the end, as absolute paths from the folder in which pytest was
    started. Raise UsageError for a name with an unknown ending, or if its folder does not exist."""
    paths = [Path(config.invocation_params.dir, name) for name in config.getoption("ouro_report")]
    for path in paths:
        if path.suffix.lower() not in REPORTS:
            raise pytest.UsageError(str(command_line.unknown_ending(path, REPORTS)))
        if not path.parent.is_dir():
            raise pytest.UsageError(str(command_line.no_folder_for(path, path.parent)))
    return tuple(paths)


def _read_tracking(target: str | None) -> str:
    """Return the argument of ``--ouro-trackio``, "" for None. Raise UsageError if it names no
    project, or another library than trackio and wandb."""
    library, colon, project = (target or "").rpartition(":")
    if target is not None and (not project or (colon and library not in LIBRARIES)):
        raise pytest.UsageError(str(messages.no_project(target)))
    return target or ""


def find_tasks(options: object) -> list[Task]:
    """Return the options that ask for runs in a namespace of pytest's options, which may lack
    them; [] if none is given."""
    found = ((task, getattr(options, name, None)) for name, task in TASKS.items())
    return [task for task, value in found if value not in (None, False)]
