"""Plays a loop: experiments become commits, rows and answers, as its flow says."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .commits import AGENT, PERSON, Commits
from .edits import tune, value_of
from .ledger import Row
from .model import Fact, How, Trial

if TYPE_CHECKING:
    from .edits import Edit, Files
    from .ledger import Outcome
    from .model import History, Severity, Verdict, Word

__all__ = ["AGENT", "PERSON", "Loop", "Trial", "play"]


class Loop(Commits):
    """Experiments and what they plant."""

    def knob(self) -> tuple[str, Edit]:
        """The next change of a constant: the subject and the edit."""
        knobs = self.project.knobs
        name, step = knobs[self.count % len(knobs)]
        old = value_of(self.files, self.main, name)
        turn = self._turn[name] = self._turn.get(name, 0) + 1
        first = float(value_of(self.first_files(), self.main, name))
        digits = len(old.partition(".")[2]) if "." in old else 0
        digits = max(digits, len(f"{step:g}".partition(".")[2]))
        new = f"{first + step * turn:.{digits}f}"
        return f"{name.lower()} {old} to {new}", tune(self.main, name, new)

    def _verdicts(self, how: How) -> tuple[Verdict, ...]:
        return self.verdicts if how.verdicts is None else how.verdicts

    def better(self, steps: float = 1.0) -> float:
        """A value that is better than the best by so many steps, which are far above the noise."""
        sign = 1 if self.project.higher else -1
        value = self.best + sign * steps * self.project.step * (0.8 + 0.4 * self.random.random())
        return round(value, self.style.decimals)

    def worse(self, steps: float = 1.5) -> float:
        """A value that is worse than the best by so many steps."""
        return self.better(-steps)

    def baseline(
        self, value: float | None = None, describe: str = "baseline", **how: object
    ) -> Trial:
        """Log the code as it is."""
        options = How(**how)  # type: ignore[arg-type]
        self.best = self.project.first if value is None else value
        verdicts = self._verdicts(options)
        trial = Trial(self.head, None, describe, self.best, "baseline", verdicts)
        if options.logged:
            self._log(trial, describe, options)
        self.moved[self.head] = self.head
        if self.flow.log in ("with", "amend", "after"):
            self.save("Add the baseline's row")
        self.trials.append(trial)
        return trial

    def keep(
        self, subject: str = "", *edits: Edit, value: float | None = None, **how: object
    ) -> Trial:
        """An experiment that is kept; by default it changes a knob and is better."""
        return self.trial(
            "keep", subject, *edits, value=self.better() if value is None else value, **how
        )

    def discard(
        self, subject: str = "", *edits: Edit, value: float | None = None, **how: object
    ) -> Trial:
        """An experiment that is worse, and is dropped."""
        return self.trial(
            "discard", subject, *edits, value=self.worse() if value is None else value, **how
        )

    def crash(self, subject: str = "", *edits: Edit, **how: object) -> Trial:
        """An experiment without a metric."""
        return self.trial("crash", subject, *edits, value=None, **how)

    def night(self, plan: str) -> list[Trial]:
        """Ordinary experiments: ``k`` is a keep, ``d`` a discard, ``c`` a crash."""
        act = {"k": self.keep, "d": self.discard, "c": self.crash}
        return [act[letter]() for letter in plan]

    def trial(
        self,
        outcome: Outcome,
        subject: str,
        *edits: Edit,
        value: float | None,
        **how: object,
    ) -> Trial:
        """One experiment, with its commit and its row; see `How` for what may differ."""
        options = How(**how)  # type: ignore[arg-type]
        if not edits:
            name, edit = self.knob()
            subject, edits = subject or name, (edit,)
        self.count += 1
        before, base, home = dict(self.files), self.head, self.branch
        if self.flow.shape != "line":
            self.branch = f"exp/{self.count:02}-{re.sub('[^a-z0-9]+', '-', subject.lower())[:24]}"
            self.refs[self.branch] = base
        self.tick(6)
        trial = Trial(None, None, subject, value, outcome, self._verdicts(options))
        self._record(trial, edits, options, base)
        self.trials.append(trial)
        if outcome == "keep":
            self.best = self.best if options.aside or value is None else value
            self._land(home, subject)
        else:
            self._drop(trial, before, base, home, options)
        if self.tainted:
            self.side.append(self.head)
        return trial

    def claim(self, outcome: Outcome, describe: str, value: float | None, **how: object) -> Trial:
        """A row without a commit: an experiment that was elsewhere, or nowhere."""
        options = How(**how)  # type: ignore[arg-type]
        self.count += 1
        self.tick(13)
        trial = Trial(None, None, describe, value, outcome, self._verdicts(options))
        self._log(trial, describe, options)
        self.trials.append(trial)
        if outcome == "keep" and value is not None and not options.aside:
            self.best = value
        return trial

    def _record(self, trial: Trial, edits: tuple[Edit, ...], how: How, base: str) -> None:
        """Commit the experiment and write its row, in the order of the flow."""
        message = how.message or trial.subject
        describe = how.describe or trial.subject
        if self.flow.log == "with":
            for edit in edits:
                edit(self.files)
            if how.logged:
                self._log(trial, describe, how, base)
            trial.commit = self.commit(message, author=how.author, ledger=True)
        elif self.flow.log == "amend":
            trial.commit = self.commit(message, *edits, author=how.author)
            if how.logged:
                self._log(trial, describe, how, base)
                trial.commit = self.commit(message, author=how.author, parents=(base,), ledger=True)
        else:
            trial.commit = self.commit(message, *edits, author=how.author)
            self.tick(5)
            if how.logged:
                self._log(trial, describe, how, base)
                if self.flow.log == "after" and (
                    trial.outcome == "keep" or self.flow.discard != "reset"
                ):
                    self.save(f"log: {trial.subject}")
        self.moved[trial.commit] = trial.commit
        if self.tainted:
            self.side.append(trial)

    def _land(self, home: str, subject: str) -> None:
        """Bring a kept branch to the one that it started from."""
        if self.flow.shape == "line":
            return
        tip, self.branch = self.head, home
        if self.flow.shape == "branches":
            self.refs[home] = tip
        else:
            ledger = self.ledger_in_git
            self.commit(f"Merge: {subject}", parents=(self.head, tip), ledger=ledger)

    def _drop(self, trial: Trial, before: Files, base: str, home: str, how: How) -> None:
        """Return to the code from before, as the flow does it."""
        in_git = self.flow.log != "untracked"
        if how.stays:
            self._land(home, trial.subject)
            return
        self.files = before
        if self.flow.shape != "line":
            self.branch = home
        elif self.flow.discard == "reset":
            self.refs[self.branch] = base
            if in_git:
                self.save(f"log: {trial.subject} ({trial.outcome})")
        elif self.flow.discard == "revert":
            message = self.objects.message(trial.commit) if trial.commit else trial.subject
            self.commit(f'Revert "{message}"\n\nThis reverts commit {trial.commit}.', ledger=in_git)
        elif self.flow.discard == "restore":
            self.commit(f"restore after {trial.subject}", ledger=in_git)

    def _log(self, trial: Trial, describe: str, how: How, base: str | None = None) -> None:
        """Add the row of an experiment to the ledger."""
        style, commit = self.style, trial.commit or base or self.head
        parent = base or (self.objects.parents(commit) or (commit,))[0]
        form = style.cell if how.cell is None else how.cell
        text = form.format(
            short=commit[:7], eight=commit[:8], long=commit, parent=parent[:7], n=self.count
        )
        value = style.missing if trial.value is None else f"{trial.value:.{style.decimals}f}"
        if how.metric is not None:
            value = how.metric
        memory = style.no_memory if trial.value is None else f"{11 + 3 * self.random.random():.1f}"
        delta = "" if trial.value is None else f"{trial.value - self.best:+.{style.decimals}f}"
        when = self.time
        row = Row(
            commit=text,
            metric=value,
            status=how.status or style.word(trial.outcome),
            description=describe,
            memory=memory,
            n=self.count,
            time=_iso(when),
            delta=delta,
            more={"seconds": f"{self.project.budget + self.random.random():.1f}", **how.more},
        )
        trial.line = self.ledger.add(row, how.end)

    def plant(
        self,
        word: Word,
        severity: Severity,
        at: Trial | str | None = None,
        line: int | None = None,
    ) -> None:
        """State a known answer about an experiment, a commit or a line."""
        trial = at if isinstance(at, Trial) else None
        self.facts.append(Fact(word, severity, at if isinstance(at, str) else None, trial, line))

    def taint(self, trial: Trial, verdicts: tuple[Verdict, ...]) -> None:
        """State that from this experiment on, results are what these verdicts say."""
        trial.verdicts = self.verdicts = verdicts
        self.tainted = True


def _iso(seconds: int) -> str:
    """A time as ledgers write it."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def play(history: History) -> Loop:
    """Play a history in memory."""
    loop = Loop(history)
    history.script(loop)
    loop.finish()
    return loop
