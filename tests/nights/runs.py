"""Write the runs of a night and what several of them show, as real ones are recorded."""

from __future__ import annotations

import datetime
import hashlib
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.plain_file import make_folder
from pytest_ouro.core.statistics.pairs import ALPHA, alpha_of_look, confirm, grant
from pytest_ouro.core.statistics.pairs import LOOKS as PAIRS_OF_LOOKS
from pytest_ouro.engine import check_rule
from pytest_ouro.evidence.git.objects import object_id
from pytest_ouro.evidence.languages.code import Code, version
from pytest_ouro.evidence.records.anchor import LOOKS
from pytest_ouro.evidence.records.reasons import RECORDED
from pytest_ouro.evidence.records.rows import row_of
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.devices.device import Surroundings
from pytest_ouro.experiment.records import record, row_files
from pytest_ouro.experiment.selection.attempts import Attempts
from pytest_ouro.experiment.selection.edits import find_groups
from pytest_ouro.experiment.selection.ends import gain_between
from pytest_ouro.experiment.selection.pairs import Pair
from pytest_ouro.experiment.selection.plan import Plan
from pytest_ouro.experiment.selection.selection import state
from pytest_ouro.experiment.steps import evaluate_command
from pytest_ouro.experiment.terms.measurement import outcome
from pytest_ouro.experiment.terms.setup import Setup
from pytest_ouro.experiment.terms.turns import Turn
from pytest_ouro.experiment.verdict.compare import compare
from pytest_ouro.experiment.verdict.night import keeps_of_night

from .experiment import DEVICES, METRICS
from .ideas import Idea, Recipe
from .measured import draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.core.statistics.pairs import Side
    from pytest_ouro.evidence.records.run_record import MeasuredRun, StartedRun
    from pytest_ouro.evidence.records.statement import Statement, StatementResult
    from pytest_ouro.experiment.selection.plan import Event
    from pytest_ouro.experiment.terms.measurement import Measurement

    from .measured import Kind
    from .repository import Repository

#: The night begins in the evening before clocks go back in Europe.
BEGIN = int(datetime.datetime(2026, 10, 24, 19, 5, tzinfo=datetime.timezone.utc).timestamp())
#: The metric of the first script, in truth.
_FIRST = 0.9979
#: How many salts an ablation has, and for how many groups of edits it is made at most.
_SALTS, _GROUPS = 2, 24


class Lane:
    """One device of a night: its branch ``tip``, its metric and ``at``, its time in seconds since
    1970."""

    def __init__(self, number: int, tip: str, metrics: int) -> None:
        self.number = number
        self.device = DEVICES[number % len(DEVICES)]
        self.branch = "night" if number == 0 else f"night-{number}"
        self.worktree = "" if number == 0 else f"device-{number}"
        self.metric = METRICS[number % min(metrics, len(METRICS))]
        self.tip = tip
        self.at = BEGIN + 37 * number

    @property
    def time(self) -> str:
        """Its time, as records have it."""
        utc = datetime.timezone.utc
        return datetime.datetime.fromtimestamp(self.at, utc).isoformat(timespec="seconds")


class Runs:
    """The runs and statements of a night in a repository, whose HEAD is the first commit.

    The methods that write are generators: they yield before each line of the journal, so that those
    of several lanes can be written in the order of their times.
    """

    def __init__(self, repo: Repository, random: Random) -> None:
        self.repo, self.random, self.case = repo, random, repo.case
        self.experiment = self.case.bound.experiments["cuda"]
        self.rule = self.case.bound.verdicts["cuda"]
        self.finished: list[FinishedRun] = []
        self.statements: list[Statement] = []
        #: The last question of `find_kept`, and its answer.
        self._asked: tuple[object, list[FinishedRun]] = (None, [])
        self._last_kept: dict[str | None, str] = {}
        #: By commit: what it consists of, its metric in truth, and its description.
        self.recipes = {repo.head: Recipe()}
        self._truths, self._says = {repo.head: _FIRST}, {repo.head: "bless"}
        setup = Setup(self.case, self.experiment, "cuda", repo.path)
        harness = evaluate_command.digest(self.case, self.experiment)
        place = Surroundings(DEVICES[0], ())
        self._template = record.describe(setup, Turn(), harness=harness, place=place, holds=())

    def commit(self, lane: Lane, idea: Idea) -> str:
        """Commit an idea on top of the lane's tip; return the id."""
        commit = self.repo.commit(lane.tip, idea.recipe.text, f"{idea.says}\n", lane.at)
        self._describe(commit, idea.recipe, self._truths[lane.tip] - idea.gain, idea.says)
        return commit

    def _describe(self, commit: str, recipe: Recipe, truth: float, says: str) -> None:
        """Keep what a commit consists of."""
        self.recipes[commit], self._truths[commit] = recipe, truth
        self._says[commit] = " ".join(says.split())

    def of(self, lane: Lane) -> list[FinishedRun]:
        """Return the finished runs of a lane, oldest first."""
        return [run for run in self.finished if run.worktree == lane.worktree]

    def relevant(self, lane: Lane) -> list[FinishedRun]:
        """Return those finished runs of a lane that a further run is compared with, oldest first:
        without them all, a long night takes seconds instead of minutes."""
        kept = self._last_kept.get(lane.worktree, "")
        return [
            run
            for run in self.of(lane)
            if run.status == "keep"
            or run.outcome == "breach"
            or kept in (run.commit, run.best_commit)
        ]

    def find_kept(self, lane: Lane) -> list[FinishedRun]:
        """Return the keeps of the lane's night that stand, newest first."""
        asked = (lane.worktree, lane.tip, len(self.finished), len(self.statements))
        if asked != self._asked[0]:
            self._asked = (asked, self._read_kept(lane))
        return self._asked[1]

    def _read_kept(self, lane: Lane) -> list[FinishedRun]:
        """Return the keeps of the lane's night that stand, newest first, from the records."""
        history = self.repo.history(lane.tip)
        runs = [run for run in self.of(lane) if _decides(run)]
        kept = standing_keeps(history, runs, self.statements)
        self._last_kept[lane.worktree] = kept[0].commit if kept else ""
        return keeps_of_night(kept, kept[0]) if kept else []

    def draw_salt(self) -> int:
        """Draw a salt."""
        return self.random.randrange(1, 2**31)

    # --- one run ---------------------------------------------------------------------------------

    def run(
        self, lane: Lane, commit: str, turn: Turn, kind: Kind = "ok", luck: float | None = None
    ) -> Iterator[bool]:
        """Write a run of a commit that ends as ``kind`` says, and return its record. ``luck`` is
        its noise in standard deviations, None to draw it."""
        yield True
        started = self.start(lane, commit, turn)
        truth = self._truths[commit] + 0.013 * lane.number
        luck = self.random.gauss(0, 1) if luck is None else luck
        drawn = draw(self.random, kind, lane.metric, self.recipes[commit], truth, lane.device, luck)
        lane.at += int(drawn.seconds) + 1
        yield True
        make_folder(self.repo.journal.common_dir, "ouro/runs")
        log = self.repo.journal.folder / f"runs/{started.run}.log"
        log.write_text(drawn.log, encoding="utf-8")
        run = _lost(started) if drawn.seen is None else self._conclude(lane, started, drawn.seen)
        run = replace(run, time=lane.time)
        run = self.repo.append(replace(run, row=row_of(run)))
        self.finished.append(run)
        return run

    def start(self, lane: Lane, commit: str, turn: Turn) -> StartedRun:
        """Write that a run starts; return the record."""
        text = self.recipes[commit].text.encode()
        code = _describe_code(text)
        started = replace(
            self._template,
            time=lane.time,
            run=f"{self.random.getrandbits(48):012x}",
            commit=commit,
            description=self._says[commit],
            code={"train.py": object_id(b"blob", text, like=commit)},
            code_size=code.size,
            code_sizes=code.sizes,
            code_meaning=code.meaning,
            code_seedless=code.seedless,
            code_form=code.version,
            metric_name=lane.metric,
            device_name=lane.device,
            worktree=lane.worktree,
            branch=lane.branch,
            holds=(f"cuda-{lane.number}",),
            ledger_rows=len(self.of(lane)),
            salt=turn.salt,
            purpose=turn.purpose,
            plan=turn.plan,
        )
        self.repo.set_ref(f"refs/ouro/tried/{self.repo.next_number}", commit)
        return self.repo.append(started)

    def _conclude(self, lane: Lane, started: StartedRun, seen: Measurement) -> FinishedRun:
        """Return the record of a measured run with its verdict, as a real run gets it."""
        ended, message = outcome(seen, started.metric)
        measured = record.measured_run(started, seen, level_why="")
        measured = row_files.store(self.repo.journal, measured, seen.losses, print)
        measured = replace(measured, outcome=ended)
        broken = self._find_broken(measured)
        if ended == "ok" and broken:
            ended, message = "breach", f"{broken[0].rule}: {broken[0].findings[0].headline}"
        run = compare(
            self.relevant(lane),
            self.repo.history(started.commit),
            replace(measured, outcome=ended, value=seen.value if ended == "ok" else None),
            experiment=self.experiment,
            rule=self.rule,
            guards=self.case.bound.guards,
            statements=self.statements,
        )
        found = tuple(result.rule for result in broken)
        return replace(run, message=message or run.message, findings=found)

    def _find_broken(self, measured: MeasuredRun) -> list[RuleResult]:
        """Return the results of the rules about a run that it breaks. They are about its time:
        nothing is checked, which takes a while, if that is as it should be."""
        window = measured.window_seconds
        if window is None or abs(window - measured.budget) <= measured.tolerance:
            return []
        evidence = self.case.again(measured=measured).evidence
        rules = [rule for rule in self.case.bound.rules if rule.checker.stage == "run"]
        return [one for one in (check_rule(rule, evidence) for rule in rules) if one.broken]

    # --- what several runs show ------------------------------------------------------------------

    def confirm(self, lane: Lane, edit: FinishedRun) -> Iterator[bool]:
        """Write the confirmation of a keep, and take it off the branch if it is refuted."""
        kept = self.find_kept(lane)
        before = next(run for run in kept if run.commit == edit.best_commit)
        ends = (before.commit, edit.commit, kept[-1].commit)
        yield True
        plan = self._state(lane, "confirmation", *ends, count=PAIRS_OF_LOOKS[-1])
        pairs: list[Pair] = []
        for most in PAIRS_OF_LOOKS:
            pairs += yield from self._run_pairs(lane, plan, len(pairs), most)
            found = confirm([pair.gain for pair in pairs], plan.alpha)
            if found != "undecided":
                break
        share = plan.alpha / len(PAIRS_OF_LOOKS)
        self._end(lane, plan, pairs, found, share, gain_between(before, edit))
        if found == "refuted":
            lane.tip = before.commit

    def certify(self, lane: Lane) -> Iterator[bool]:
        """Write the ablation of the lane's last keep, and its certificate."""
        self.repo.flush()
        kept = self.find_kept(lane)
        tip, baseline = kept[0], kept[-1]
        yield True
        groups = find_groups(self.case, kept)
        plans = []
        for group in groups if len(groups) <= _GROUPS else []:
            gains = [edit.before.value - edit.after.value for edit in group.edits]
            truth = self._truths[tip.commit] + sum(gains)
            self._describe(group.without, self.recipes[tip.commit], truth, "The tip without 1 edit")
            plans.append((group.without, tip.commit))
        if plans:
            yield from self._ablate(lane, plans)
        ends = (baseline.commit, tip.commit, baseline.commit)
        plan = self._state(lane, "certificate", *ends, count=5)
        pairs = yield from self._run_pairs(lane, plan, 0, 5)
        granted = grant([pair.gain for pair in pairs], plan.alpha).granted
        result: StatementResult = "granted" if granted else "not-granted"
        self._end(lane, plan, pairs, result, plan.alpha, gain_between(baseline, tip))

    def _ablate(self, lane: Lane, ends: list[tuple[str, str]]) -> Iterator[bool]:
        """Write the ablation of a tip: ``ends`` has a commit without a group of edits, and the tip,
        for each group."""
        alpha = ALPHA / len(ends)
        first = self._state(lane, "ablation", *ends[0], count=_SALTS, alpha=alpha)
        more = (self._state(lane, "ablation", *one, alpha=alpha, like=first) for one in ends[1:])
        plans = [first, *more]
        tips: dict[int, FinishedRun] = {}
        done: list[list[Pair]] = [[] for _ in plans]
        for salt, first_side in first.pairs:
            for plan, pairs in zip(plans, done, strict=True):
                turn = Turn(salt=salt, purpose="pair", plan=plan.id)
                if salt not in tips:
                    tips[salt] = yield from self.run(lane, plan.tip, turn)
                base = yield from self.run(lane, plan.baseline, turn)
                pairs.append(Pair(first_side, base, tips[salt]))
        for plan, pairs in zip(plans, done, strict=True):
            self._end(lane, plan, pairs, "measured", alpha, None)

    def _run_pairs(self, lane: Lane, plan: Plan, start: int, end: int) -> Iterator[bool]:
        """Write the runs of the pairs of a plan from number ``start`` (from 0) up to ``end``, and
        return these pairs."""
        pairs = []
        for salt, first in plan.pairs[start:end]:
            turn = Turn(salt=salt, purpose="pair", plan=plan.id)
            sides: tuple[Side, Side] = (
                ("baseline", "tip") if first == "baseline" else ("tip", "baseline")
            )
            runs = {}
            for side in sides:
                commit = plan.tip if side == "tip" else plan.baseline
                runs[side] = yield from self.run(lane, commit, turn)
            pairs.append(Pair(first, runs["baseline"], runs["tip"]))
        return pairs

    def _state(
        self,
        lane: Lane,
        event: Event,
        baseline: str,
        tip: str,
        night: str = "",
        *,
        count: int = 0,
        alpha: float | None = None,
        like: Plan | None = None,
    ) -> Plan:
        """Write the statement of a new plan with ``count`` pairs, or with the id and the pairs of
        the plan ``like``; return the plan."""
        stated = [one for one in self.statements if one.result == "stated"]
        look = 1 + sum((one.event, one.night) == (event, night) for one in stated) if night else 1
        name = like.id if like else f"{self.random.getrandbits(48):012x}"
        drawn: list[tuple[int, Side]] = [
            (self.draw_salt(), self.random.choice(("baseline", "tip"))) for _ in range(count)
        ]
        pairs = like.pairs if like else tuple(drawn)
        plan = Plan(name, event, baseline, tip, night, pairs, look, 0, alpha or alpha_of_look(look))
        if night:
            self.repo.set_ref(f"{LOOKS}{event}/{night}/{look}", tip)
        self._append(plan.statement(self.case, **_place(lane)))
        return plan

    def _end(
        self,
        lane: Lane,
        plan: Plan,
        pairs: list[Pair],
        result: StatementResult,
        alpha: float,
        claimed: float | None,
    ) -> None:
        """Write what the pairs of a plan show."""
        attempts = Attempts((), plan.alpha, "")
        facts = (plan, pairs, result, alpha, claimed, attempts)
        self._append(state(self.case, *facts, **_place(lane)))

    def _append(self, one: Statement) -> None:
        """Write a statement."""
        self.statements.append(self.repo.append(one))


def _decides(run: FinishedRun) -> bool:
    """Return whether a run decides what is kept on its branch."""
    return run.status == "keep" or run.outcome == "breach"


def _describe_code(text: bytes) -> Code:
    """Return a description of a script. It is not parsed, which would take most of the time: equal
    texts have equal digests, and its size is the number of its words."""
    digest = hashlib.sha256(text).hexdigest()
    return Code({"python": len(text.split())}, digest, digest, version(["train.py"]))


def _lost(started: StartedRun) -> FinishedRun:
    """Return the record of a run whose supervisor was killed."""
    reason = RECORDED["lost"]
    return FinishedRun(
        **started.shared(),
        time=started.time,
        tried=started.tried_ref,
        outcome="lost",
        status=reason.status,
        reason=reason,
        row="",
    )


def _place(lane: Lane) -> dict[str, object]:
    """Return when and where a lane makes a statement, as attributes of it."""
    return {
        "time": lane.time,
        "worktree": lane.worktree,
        "branch": lane.branch,
        "metric_name": lane.metric,
    }
