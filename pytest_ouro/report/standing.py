"""Collect where an experiment stands, for an agent that starts, or starts again.

Only what a run has printed already is collected: verdicts, values, reasons and messages. Salts, the
judge's details and what an evaluation printed beside the metric stay in the journal.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.engine import check_before_run
from pytest_ouro.evidence.paths import matches
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.rows import without_hidden
from pytest_ouro.evidence.records.states import KeepState, keep_states
from pytest_ouro.evidence.records.verdicts import kept_in, last_verdicts
from pytest_ouro.experiment.records.editable import files_at_head
from pytest_ouro.experiment.records.sharing import describe_unseen
from pytest_ouro.experiment.steps import preconditions
from pytest_ouro.experiment.steps.night_end import find_night_end
from pytest_ouro.experiment.steps.settle import place_to_return
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.verdict.guards import number_of
from pytest_ouro.experiment.verdict.history import comparable, differences, tally
from pytest_ouro.experiment.verdict.placebos import count_placebos
from pytest_ouro.report.unforeseen import to_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.experiment.steps.night_end import NightEnd

#: Reasons after which the same commit is run again: nothing was learnt about it.
_AGAIN = (Reason.INTERRUPTED, Reason.LOST, Reason.NOT_STARTED)


class Limited(TypedDict):
    """A guard of the bound, as a brief shows it: its ``id`` and its sentence (``rule``), the name
    of the ``number`` that it limits, and whether that must be ``at`` "least" or "most" the
    ``limit``. ``best_has`` is the number of the last keep. ``limit`` and ``best_has`` are None if
    they are not known."""

    id: str
    number: str
    at: Literal["least", "most"]
    limit: float | None
    best_has: float | None
    rule: str


class Step(TypedDict):
    """The next step for an agent: ``step`` is its kind, ``why`` the reason in words, and
    ``commands`` the commands to give, in order ([] for "wait" and "fix", and for "stop" if nothing
    can be certified). ``help`` is how to fix a fault; "" unless ``step`` is "fix"."""

    step: Literal["wait", "fix", "settle", "stop", "commit", "run", "edit"]
    why: str
    help: str
    commands: list[str]


class Count(TypedDict):
    """How many runs there are, and how many of them have each status."""

    runs: int
    keep: int
    discard: int
    crash: int


class Fault(NamedTuple):
    """A reason why no run can start: ``rule`` is the section and id of a broken rule, "" for any
    other error; ``headline`` says what is wrong, and ``help`` how to fix it."""

    rule: str
    headline: str
    help: str


@dataclass(frozen=True)
class Standing:
    """Where an experiment stands.

    ``runs`` are all finished runs, oldest first, without the placebos of a night that goes on;
    ``kept`` the keeps on the branch that stand, newest first; ``states`` the states of all keeps,
    by commit. ``faults`` say why no run can start. ``edited`` are the paths, relative to the
    repository's top, of editable files with changes that are not committed, and ``new`` those of
    them that git does not track. ``going`` is the run of this working tree that goes on now, None
    without one, and ``end`` the end of the night, None if it is not over.
    """

    case: Case
    runs: tuple[FinishedRun, ...]
    kept: tuple[FinishedRun, ...]
    states: Mapping[str, KeepState]
    faults: tuple[Fault, ...]
    edited: tuple[str, ...]
    new: tuple[str, ...]
    going: StartedRun | None
    end: NightEnd | None

    @classmethod
    def observe(cls, case: Case) -> Standing:
        """Return where the experiment of a case stands. Raise RecordError if the journal cannot be
        read, another OuroError if git fails."""
        repository = case.repository
        every = case.evidence.journal.runs()
        runs = tuple(without_hidden(every, case.evidence.ledger.rows))
        states = keep_states(every, case.evidence.statements)
        fallen = [commit for commit, state in states.items() if not state.stands]
        globs = case.evidence.layout.editable_globs
        changes = (*repository.staged, *repository.unstaged(case.bound.root))
        new = {path for path in repository.untracked if matches(path, globs)}
        edited = new | {change.path for change in changes if matches(change.path, globs)}
        going = [
            run
            for run in case.evidence.journal.unfinished()
            if run.worktree == case.evidence.worktree
            and processes.identity(run.pid) == run.process != ""
        ]
        return cls(
            case,
            runs,
            tuple(kept_in(repository.history, every, fallen)),
            states,
            tuple(_faults(case, edited=bool(edited))),
            tuple(sorted(edited)),
            tuple(sorted(new)),
            going[-1] if going else None,
            find_night_end(case),
        )

    @property
    def head(self) -> str:
        """The id of the commit HEAD."""
        return self.case.repository.head

    @property
    def best(self) -> FinishedRun | None:
        """The last keep on the branch, with which the next run is compared if the conditions are
        the same; None without one."""
        return self.kept[0] if self.kept else None

    @property
    def has_best_code(self) -> bool:
        """Whether the editable files of HEAD are those of the last keep; False without a keep."""
        return self.best is not None and files_at_head(self.case) == dict(self.best.code)

    @property
    def of_head(self) -> FinishedRun | None:
        """The last run of HEAD in this working tree under the present trust that tried it, without
        rehearsals; None without one."""
        found = [
            run
            for run in self.case.evidence.runs
            if run.commit == self.head and run.purpose == "search" and not run.rehearsal
        ]
        return found[-1] if found else None

    @property
    def compared(self) -> list[FinishedRun]:
        """The runs that succeeded, without rehearsals, and can be compared with the last keep or,
        if nothing is kept, with the last of these runs; oldest first, [] if there are none."""
        measured = [run for run in self.runs if comparable(run, run)]
        like = self.best or (measured[-1] if measured else None)
        return [] if like is None else [run for run in measured if comparable(run, like)]

    def state(self, run: FinishedRun) -> KeepState | None:
        """Return the state of a keep; None for another run, and for a keep on whose commit a later
        run decided."""
        return self.states.get(run.commit) if self._deciding.get(run.commit) is run else None

    @cached_property
    def _deciding(self) -> dict[str, FinishedRun]:
        """The run that decided about each commit, by the commit's id."""
        return last_verdicts(self.runs)

    def tally(self) -> str:
        """Return the numbers of tries and keeps and the gain since the baseline, as `history.tally`
        does, of the runs ``compared``; "" without a baseline, and for fewer than two tries."""
        return tally(self.compared)

    def unseen(self) -> str:
        """Return a line about the best of the keeps that can be compared with the last one, if this
        clone lacks its commit, as `describe_unseen` does; otherwise ""."""
        evidence = self.case.evidence
        return describe_unseen(evidence.place, self.compared, evidence.statements)

    def placebos(self) -> str:
        """Return what the placebos of a night that is over show; "" if there are none."""
        found = count_placebos(self.runs)
        return found.text if found else ""

    def results(self) -> list[Statement]:
        """Return the certificates and confirmations by pairs of commits, the pair with the newest
        first: of each kind one that has no result yet, if its commit is still a keep on the branch,
        then the last before it that has a result."""
        statements = self.case.evidence.statements
        ended = {one.plan for one in statements if one.result != "stated"}
        kept = {run.commit for run in self.kept}
        found: dict[tuple[str, str, str], list[Statement]] = {}
        for one in reversed(statements):
            going = one.result == "stated"
            if one.event not in ("certificate", "confirmation") or (going and one.plan in ended):
                continue
            same = found.setdefault((one.event, one.baseline, one.tip), [])
            if not same or (not going and same[-1].result == "stated"):
                same.append(one)
        every = [one for same in found.values() for one in same]
        return [one for one in every if one.result != "stated" or one.tip in kept]

    def guards(self) -> list[Limited]:
        """Return the guards of the bound; [] if it has none."""
        found: list[Limited] = []
        for guard in self.case.bound.guards:
            reference = self.kept[-1 if guard.of == "baseline" else 0] if self.kept else None
            number = number_of(guard, reference) if reference and guard.of else None
            known = guard.of is None or number is not None
            found.append(
                {
                    "id": guard.id,
                    "number": guard.name,
                    "at": "least" if guard.at_least is not None else "most",
                    "limit": guard.limit(number) if known else None,
                    "best_has": number_of(guard, self.best) if self.best else None,
                    "rule": guard.rule,
                }
            )
        return found

    def differs(self, run: FinishedRun) -> str:
        """Return the conditions in which a run differs from the last keep, with commas between; ""
        if there are none, if nothing is kept, or if the run did not succeed."""
        if self.best is None or run.outcome != "ok":
            return ""
        return ", ".join(differences(run, self.best))

    def next(self, run_command: str) -> Step:
        """Return the next step, the first that applies: wait for a run, fix what keeps a run from
        starting, settle, stop because the night is over, commit changes, run HEAD, or edit.
        ``run_command`` is the command that makes a run."""
        best, last = self.best, self.of_head
        try_it = [*self._commit(), run_command]
        if self.going:
            return _step("wait", f"a run of {self.going.commit[:7]} goes on: wait for its end", [])
        if self.faults:
            fault = self.faults[0]
            place = f"{fault.rule}: " if fault.rule else ""
            return _step("fix", f"{place}{fault.headline}", [], help=fault.help)
        base = place_to_return(self.case, best.commit)[:7] if best else ""
        back = f"git reset --keep {base}"
        lost = last is not None and last.status != "keep" and last.reason not in _AGAIN
        verdict = f"{last.status} ({last.reason})" if last is not None and lost else ""
        state = self.states.get(self.head)
        if state is not None and not state.stands:  # its run may be of another working tree
            verdict = f"{state.state} ({state.why})"
        if best and verdict and not self.has_best_code:
            why = f"HEAD is {verdict}: return to the last keep, {base}"
            if not self.edited:
                return _step("settle", why, [back])
            why += ", and take the changes that are not committed along"
            return _step("settle", why, [*self._add(), "git stash", back, "git stash pop"])
        if self.end:
            return _step("stop", f"{self.end.why}; {self.end.todo}", list(self.end.commands))
        if self.edited:
            why = f"{', '.join(self.edited[:3])} has changes that are not committed: run them"
            return _step("commit", why, try_it)
        if last is None and not self.has_best_code:
            first = "HEAD has not been run" if best else "nothing is kept yet: HEAD is the baseline"
            return _step("run", first, [run_command])
        if last is not None and last.reason in _AGAIN:
            why = f"the run of HEAD was {last.reason}: run it again"
            return _step("run", why, [run_command])
        if best is None:
            assert last is not None
            why = f"HEAD is {last.status} ({last.reason}), and nothing is kept yet: fix it"
            return _step("edit", why, try_it)
        why = "HEAD has the code of the last keep: try an idea that is not listed"
        return _step("edit", why, try_it)

    def _add(self) -> list[str]:
        """Return a list of one command, which adds the content of at most 20 files of which ``git
        add -N`` added only the names; [] if there are none. In `next` it precedes ``git stash``,
        which fails while the index has such files."""
        paths = " ".join(map(self.case.repository.git.word, self.case.repository.intended[:20]))
        return [f"git add -- {paths}"] if paths else []

    def _commit(self) -> list[str]:
        """Return the commands that commit the edited files, at most 20 of them; a command before it
        adds those that git does not track yet. If no file is edited, return the command with which
        to commit a change that is still to be made."""
        word = self.case.repository.git.word
        paths = " ".join(map(word, self.edited[:20]))
        if not paths:
            return ['git commit -am "what you try"']
        new = " ".join(map(word, [path for path in self.edited if path in self.new][:20]))
        add = [f"git add -- {new}"] if new else []
        return [*add, f'git commit -m "what you try" -- {paths}']


def _step(
    step: Literal["wait", "fix", "settle", "stop", "commit", "run", "edit"],
    why: str,
    commands: list[str],
    *,
    help: str = "",
) -> Step:
    """Return the next step of the kind ``step``, with its reason, commands and help."""
    return {"step": step, "why": why, "help": help, "commands": commands}


def _faults(case: Case, *, edited: bool) -> list[Fault]:
    """Return the faults that keep a run from starting: the first finding of each broken rule, or an
    error, such as that of a damaged journal; [] if there are none. If no rule is broken and no
    editable file has changes that are not committed (``edited``), it is also a fault if a blessing
    or the script is not committed (`demand_committed`), or if the experiment's folder has a
    submodule. The device, the programs and the disk are not examined."""
    try:
        case.evidence.journal.demand_whole()
        found = [
            Fault(result.rule, result.findings[0].headline, result.findings[0].help)
            for result in check_before_run(case)
            if result.broken and result.findings
        ]
        if not found and not edited:
            preconditions.demand_committed(case)
            preconditions.demand_no_submodule(case)
    except Exception as error:
        known = error if isinstance(error, OuroError) else to_error(error)
        return [Fault("", known.message, known.help)]
    return found


def count(runs: Sequence[FinishedRun]) -> Count:
    """Return how many runs there are, by status."""
    words = [run.status for run in runs]
    return {
        "runs": len(runs),
        "keep": words.count("keep"),
        "discard": words.count("discard"),
        "crash": words.count("crash"),
    }
