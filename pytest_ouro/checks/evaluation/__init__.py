"""``evaluation``: no editable file interferes with the measurement of its own result."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.checks._editable import changed_scripts
from pytest_ouro.checks._wording import describe_run
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.checks.evaluation.tampering import Construct
    from pytest_ouro.evidence.evidence import Evidence, Layout


#: What to do about a construct, by the first word of its description.
_HELP = {
    "imports": "remove it: a run's record has the commit, the device and the memory already",
    "starts": "remove it: a run's record has the commit, the device and the memory already",
    "is": "make it shorter and plainer: it must be possible to read it",
    "loads": "train on the split 'train' alone",
    "prints": "print what the evaluation returns",
}
_OTHERWISE = "remove it: the metric is the harness's, called once, after training"
_HARMLESS = "it only warns: keep it where it leaves the measurement alone"


@dataclass(frozen=True, kw_only=True)
class Evaluation(Check):
    """No editable file interferes with the measurement. Its syntax tree is searched for suspect
    code, and code that trust does not have is reported; code with innocent uses only warns. A run
    must print the metric that was measured."""

    after_run = True

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        for path, trusted, versions in changed_scripts(evidence):
            new: dict[tuple[str, bool], Construct] = {}
            for data in reversed(versions):
                if found := _constructs(evidence, data):
                    before = _constructs(evidence, trusted) if trusted is not None else ()
                    for construct in _introduced(before, found):
                        new.setdefault((construct.what, construct.hard), construct)
            yield from (_finding(evidence, path, construct) for construct in new.values())
        if evidence.measured is not None:
            yield from _mismatch(evidence)

    def protects(self, layout: Layout) -> Protection:
        return Protection(frozen=[layout.path(name) for name in layout.run_by_us])


def _constructs(evidence: Evidence, data: bytes) -> tuple[Construct, ...]:
    """Return the constructs of a script; none if it is not Python, for then no run succeeds."""
    from pytest_ouro.checks.evaluation.tampering import constructs
    from pytest_ouro.evidence.python.source import decode

    layout = evidence.layout
    harness = layout.harness.removesuffix(".py").replace("/", ".")
    try:
        return constructs(decode(data), harness, layout.evaluate, layout.loader, layout.metric)
    except SyntaxError:
        return ()


def _introduced(before: tuple[Construct, ...], after: tuple[Construct, ...]) -> Iterator[Construct]:
    """Yield the constructs that ``after`` has more often than ``before``."""
    known = Counter(construct.what for construct in before)
    for construct in after:
        if known[construct.what] > 0:
            known[construct.what] -= 1
        else:
            yield construct


def _finding(evidence: Evidence, path: str, construct: Construct) -> Finding:
    return Finding(
        f"{path}:{construct.line} {construct.what}",
        where=f"introduced since {evidence.trust.commit[:7] or 'trust'}",
        help=_help(construct),
        facts={"path": path, "line": construct.line},
        warns=not construct.hard,
    )


def _help(construct: Construct) -> str:
    """Return what to do about a construct."""
    if construct.hard:
        return _HELP.get(construct.what.partition(" ")[0], _OTHERWISE)
    if construct.what in ("calls open", "calls torch.save"):
        return f"{_HARMLESS} (a sandboxed run writes under TMPDIR alone)"
    return _HARMLESS


def _mismatch(evidence: Evidence) -> Iterator[Finding]:
    """Report a run that printed a different metric than was measured."""
    run = evidence.run
    assert run is not None
    value, claimed, metric = run.measured_value, run.claimed, run.metric
    if value is None or claimed is None or run.claim_agrees:
        return
    yield Finding(
        f"printed {metric.name} {metric.text(claimed)}, but {metric.text(value)} was measured",
        where=describe_run(run),
        expected=metric.text(value),
        actual=metric.text(claimed),
        help="print what the evaluation returns",
    )
