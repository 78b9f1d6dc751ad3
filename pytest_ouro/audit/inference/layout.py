"""The layout of an audited loop, and the one assumed where a project states none."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pytest_ouro.audit.result import Inference
from pytest_ouro.bound import read as bounds
from pytest_ouro.bound.tables import YEAR, Experiment
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.paths import Glob, RepoPath, matches
from pytest_ouro.onboarding import autoresearch, document

if TYPE_CHECKING:
    from pytest_ouro.audit.options import Options
    from pytest_ouro.bound.read import Bound
    from pytest_ouro.onboarding.discover.prose import Prose


@dataclass(frozen=True)
class Layout:
    """The inferred layout. ``editable`` and ``frozen`` are globs from the repository's top.
    ``stated`` is true if an option, the instructions or a bound.toml names the editable files,
    false if they were assumed. ``bound`` has the rules (None: none could be inferred). ``metric``
    is that of the experiment that was found ("": none was), ``direction`` what a bound.toml or the
    instructions say of it ("": nothing), ``said`` are the metrics that its instructions, or else
    its bound.toml, name. ``budget`` is the time for one run in seconds that a bound.toml, the
    instructions or a constant in the code give (None: unknown). ``named`` are the files that an
    option, the instructions or an import in the script names as what measures."""

    editable: tuple[str, ...]
    frozen: tuple[str, ...]
    stated: bool
    bound: Bound | None
    metric: str
    direction: str
    said: tuple[str, ...]
    inferences: tuple[Inference, ...]
    prose: Prose
    budget: float | None = None
    named: tuple[str, ...] = ()


def why_frozen(options: Options, frozen: tuple[str, ...]) -> str:
    """Return why ``frozen`` are taken for the files that measure, or that there are none. If the
    options name such files, the reason is ``given by --harness``, whatever ``frozen`` has."""
    if options.harness:
        return "given by --harness"
    found = "the program imports it, or the instructions name it"
    return found if frozen else "no file that measures was found"


def _bound_without_program(
    editable: tuple[str, ...], frozen: tuple[str, ...], metric: str, ledger: str
) -> Bound | None:
    """Return the rules about files of a loop whose program is not known; None if ``editable`` is
    empty, or they cannot be made into a bound. The bound has the ledger results.tsv if it refuses
    ``ledger`` or that is "", and the metric "metric" if ``metric`` is ""."""
    usual = "results.tsv"
    for path in dict.fromkeys((ledger or usual, usual)) if editable else ():
        with contextlib.suppress(OuroError, ValueError):  # a bound refuses .json as a ledger
            experiment = Experiment(
                command=("unknown",),
                editable=tuple(map(Glob, editable)),
                metric=metric or "metric",
                budget=YEAR / 2,  # the time limit of a run is twice as long
                ledger=RepoPath(path),
            )
            rules = autoresearch.statements(experiment, fixed=frozen)
            return bounds.parse(document.text("audited", experiment, rules))
    return None


def assume_layout(
    usual: tuple[str, ...],
    options: Options,
    prose: Prose,
    why: str,
    metric: str,
    ledger: str,
    printing: tuple[str, ...] = (),
) -> Layout:
    """Return a layout for a project in which no program was found (``why`` is the reason, for the
    report). The editable files come from the options, else from the instructions (``prose``), else
    they are ``usual``: the files that most experiments change. The frozen ones come from the
    options, else from the instructions, else they are ``printing``: files that print the metric;
    editable ones are left out unless an option names them. ``metric`` and ``ledger`` go into the
    rules about files; the ``metric`` of the layout is ""."""
    editable = tuple(options.editable) or tuple(prose.editable) or usual
    stated = bool(options.editable or prose.editable)
    fixed = (f"{p}**" if p.endswith("/") else p for p in prose.fixed)
    named = tuple(options.harness) or tuple(p for p in fixed if not matches(p, editable))
    frozen = named or tuple(path for path in printing if not matches(path, editable))
    words = "changed by most experiments" if usual else "nothing names it: --editable GLOB"
    if stated:
        words = "given by --editable" if options.editable else f"named by {prose.file}"
    return Layout(
        editable,
        frozen,
        stated,
        _bound_without_program(editable, frozen, metric, ledger),
        "",
        prose.direction(metric) if prose.file and metric else "",
        prose.metrics,
        (
            Inference("editable", ", ".join(editable), words),
            Inference(
                "harness",
                ", ".join(frozen),
                "it prints the metric" if frozen and not named else why_frozen(options, named),
            ),
            Inference("program", "", why),
        ),
        prose,
        prose.budget,
        named,
    )
