"""``evaluation``: no editable file interferes with the measurement of its own result."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding
from pytest_ouro.evidence.paths import matching

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
_HARMLESS = "it only warns: keep it where it leaves the measurement alone"


@dataclass(frozen=True, kw_only=True)
class Evaluation(Check):
    """No editable file interferes with the measurement: judged on its syntax tree, and only what
    was introduced since trust is reported. What has innocent uses only warns. Of a run, the
    printed metric must be the measured one."""

    after_run = True

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        globs = [evidence.layout.path(path) for path in evidence.layout.editable]
        files = matching(evidence.repository.index, globs)
        paths = [path for path in files if path.endswith(".py")]
        for path, contents in evidence.repository.contents(paths).items():
            blessed = evidence.trust.before(path)
            changed = {data for data in contents.values() if data is not None} - {blessed}
            if not changed:
                continue
            reported: set[tuple[str, bool]] = set()
            for data in changed:
                try:
                    found = self._constructs(evidence, data)
                except SyntaxError:
                    continue  # the run fails on it
                before = self._before(evidence, blessed) if found else ()
                for construct in _introduced(before, found):
                    key = (construct.what, construct.hard)
                    if key not in reported:
                        reported.add(key)
                        yield self._finding(evidence, path, construct)
        if evidence.measured is not None:
            yield from _mismatch(evidence)

    def protects(self, layout: Layout) -> Protection:
        return Protection(frozen=[layout.path(name) for name in layout.run_by_us])

    def _before(self, evidence: Evidence, blessed: bytes | None) -> tuple[Construct, ...]:
        try:
            return self._constructs(evidence, blessed)
        except SyntaxError:
            return ()  # so every construct is new

    def _constructs(self, evidence: Evidence, data: bytes | None) -> tuple[Construct, ...]:
        if data is None:
            return ()
        from pytest_ouro.checks.evaluation.tampering import constructs
        from pytest_ouro.evidence.python.source import decode

        layout = evidence.layout
        harness = layout.harness.removesuffix(".py").replace("/", ".")
        return constructs(decode(data), harness, layout.evaluate, layout.loader, layout.metric)

    def _finding(self, evidence: Evidence, path: str, construct: Construct) -> Finding:
        since = evidence.trust.commit[:7]
        return Finding(
            f"{path}:{construct.line} {construct.what}",
            where=f"introduced since {since or 'trust'}",
            help=_help(construct),
            facts={"path": path, "line": construct.line},
            warns=not construct.hard,
        )


def _help(construct: Construct) -> str:
    kind = construct.what.partition(" ")[0]
    if construct.hard:
        return _HELP.get(
            kind, "remove it: the metric is the harness's, called once, after training"
        )
    if construct.what in ("calls open", "calls torch.save"):
        return f"{_HARMLESS} (a sandboxed run writes under TMPDIR alone)"
    return _HARMLESS


def _introduced(before: tuple[Construct, ...], after: tuple[Construct, ...]) -> Iterator[Construct]:
    """The constructs that ``after`` has more often than ``before``."""
    known = Counter(construct.what for construct in before)
    for construct in after:
        if known[construct.what] > 0:
            known[construct.what] -= 1
        else:
            yield construct


def _mismatch(evidence: Evidence) -> Iterator[Finding]:
    """Report a run that printed another metric than was measured."""
    run = evidence.run
    assert run is not None
    value, claimed, metric = run.measured_value, run.claimed, run.metric
    if value is None or claimed is None or run.claim_agrees:
        return
    yield Finding(
        f"printed {metric.name} {metric.text(claimed)}, but {metric.text(value)} was measured",
        where=f"run {run.run}, commit {run.commit[:7]}",
        expected=metric.text(value),
        actual=metric.text(claimed),
        help="print what the evaluation returns",
    )
