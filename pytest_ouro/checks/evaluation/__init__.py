"""``evaluation``: no editable file interferes with the measurement of its own result."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.checks._editable import changed_scripts, is_python, linked_scripts, missing, parse
from pytest_ouro.checks._remedy import or_drop, places
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, describe_run, several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.checks._editable import ChangedScript
    from pytest_ouro.checks.evaluation.modules import Construct
    from pytest_ouro.evidence.evidence import Evidence, Layout


#: A longer script can carry a payload: the longest of a thousand real ones had 59.7 KB. One that
#: was longer when it was blessed may still be edited.
MAX_BYTES = 64 * 1024
#: How many bytes a script above `MAX_BYTES` may be longer than the trusted one.
GROWTH = 16 * 1024
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
    """No editable file interferes with the measurement. The syntax tree of each changed Python file
    is searched for suspect code, and code that trust does not have is reported; code with innocent
    uses only warns. A file that is gone or became a link is reported too. A run that prints the
    metric must print the value that was measured."""

    after_run = True

    def skipped(self, evidence: Evidence) -> str:
        """Return why nothing is judged: there is neither a script nor an editable Python file, and
        no run has just ended. "" otherwise."""
        if evidence.measured is not None or is_python(evidence):
            return ""
        return "not judged: no editable file is Python, which is all that this check reads"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield a finding for each wanted file that is gone, for each editable script that became a
        link, and for each kind of suspect construct that a changed script has more often than its
        trusted version; after a run, also one if it printed another metric than was measured.
        OuroError if a changed script cannot be parsed."""
        yield from missing(evidence)
        yield from linked_scripts(evidence)
        for script in changed_scripts(evidence):
            new: dict[tuple[str, bool], Construct] = {}
            for data in reversed(script.versions):
                for construct in _new(evidence, script, data):
                    new.setdefault((construct.what, construct.hard), construct)
            yield from (_finding(evidence, script, construct) for construct in new.values())
        if evidence.measured is not None:
            yield from _mismatch(evidence)

    def protects(self, layout: Layout) -> Protection:
        """Return that the files that pytest-ouro itself runs (`Layout.run_by_us`), such as the
        harness, are frozen."""
        return Protection(frozen=[layout.path(name) for name in layout.run_by_us])


def _new(evidence: Evidence, script: ChangedScript, data: bytes) -> Iterator[Construct]:
    """Yield the constructs that ``data``, a version of a script, has more often than its trusted
    version (`_introduced`), and one more construct if ``data`` is above `MAX_BYTES` and longer than
    the trusted version by more than `GROWTH`. OuroError if ``data`` cannot be parsed."""
    from pytest_ouro.checks.evaluation.modules import Construct
    from pytest_ouro.evidence.python.source import decode

    parse(evidence, script.path, data)
    trusted = "" if script.trusted is None else decode(script.trusted)
    if found := _constructs(evidence, decode(data), trusted):
        yield from _introduced(_constructs(evidence, trusted, trusted), found)
    grown = len(data) - len(script.trusted or b"")
    if len(data) > MAX_BYTES and grown > GROWTH:
        yield Construct(1, f"is longer than {MAX_BYTES} bytes, and much longer than before")


def _constructs(evidence: Evidence, text: str, trusted: str) -> tuple[Construct, ...]:
    """Return the suspect constructs of ``text``; () if it is not Python, as a trusted text may be.
    ``trusted`` is the text of the trusted version of the script, "" if there is none: it is suspect
    to bind a name that the trusted version takes from the harness to another value."""
    from pytest_ouro.checks.evaluation import tampering
    from pytest_ouro.checks.evaluation.bindings import names_taken

    layout = evidence.layout
    harness = layout.harness.removesuffix(".py").replace("/", ".")
    names = (harness, layout.evaluate, layout.loader)
    taken = names_taken(trusted, harness, names[1:])
    try:
        return tampering.constructs(text, *names, layout.metric.name, taken)
    except SyntaxError:
        return ()


def _introduced(before: tuple[Construct, ...], after: tuple[Construct, ...]) -> Iterator[Construct]:
    """Yield the suspect constructs that a changed script (``after``) has more often than its
    trusted version (``before``). They are compared by their descriptions: if ``before`` has a
    description n times, the first n in ``after`` are left out. A construct in ``before`` whose
    attribute ``unread`` is true (it stands for code that could not be followed) excuses none in
    ``after``."""
    known = Counter(construct.what for construct in before if not construct.unread)
    for construct in after:
        if known[construct.what] > 0:
            known[construct.what] -= 1
        else:
            yield construct


def _finding(evidence: Evidence, script: ChangedScript, construct: Construct) -> Finding:
    """Return the finding for one construct of a script, with the places that introduced it and what
    to do about it. It is a warning if the construct is not hard."""

    def has(data: bytes | None) -> bool:
        """Return whether a version of the script (its bytes) has the construct more often than the
        trusted version (`_new`), so that what trust already has does not count. False for the
        trusted version itself, and if the script is absent (None) or cannot be read."""
        if data is None or data == script.trusted:
            return False
        try:
            return any(one.what == construct.what for one in _new(evidence, script, data))
        except OuroError:  # a commit in between that cannot be read has a message of its own
            return False

    where, commit = places(evidence, script.path, script.now, has)
    help = _help(construct)
    if commit and construct.hard:
        help += or_drop(evidence, script.path, commit)
    return Finding(
        f"{script.path}:{construct.line} {construct.what}",
        where=f"introduced in: {several(where)}",
        help=help,
        facts={"path": script.path, "line": construct.line},
        warns=not construct.hard,
        parts=(f"{script.path} {construct.what}",),
    )


def _help(construct: Construct) -> str:
    """Return the help for a construct. For a hard one, which breaks the rule, it says what to do;
    for one that only warns, that the code may stay where it leaves the measurement alone."""
    if construct.hard:
        return _HELP.get(construct.what.partition(" ")[0], _OTHERWISE)
    if construct.what in ("calls open", "calls torch.save"):
        return f"{_HARMLESS} (a sandboxed run writes under TMPDIR alone)"
    return _HARMLESS


def _mismatch(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding if the run that has just ended (`Evidence.run`, which must not be None)
    printed a metric that does not agree with the measured one; nothing if it agrees, or if one of
    the two values is unknown."""
    run = evidence.run
    assert run is not None
    value, claimed, metric = run.measured_value, run.claimed, run.metric
    if value is None or claimed is None or run.claim_agrees:
        return
    yield Finding(
        f"printed {metric.name} {metric.text(claimed)}, but {metric.text(value)} was measured",
        where=describe_run(run.run, run.commit),
        expected=metric.text(value),
        actual=metric.text(claimed),
        help="print what the evaluation returns",
    )
