"""A short night by the commands of the documentation, and what its journal must show.

Two tests play it: on the toy experiment, and on the reference experiment.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.evidence.records.statement import Statement

#: An old and a new text in the script.
Edit = tuple[str, str]


@dataclass(frozen=True)
class ShortNight:
    """An experiment that is blessed and was never run, on a branch that is checked out.

    ``better`` is an edit of its script that surely helps. ``worse`` is one that undoes more than
    that: its new text has a place for a number from 10 to 99. ``simpler`` is an edit that costs
    less than the noise, and has less code: the search keeps it, and fresh pairs refute it. The
    bound lets placebos precede half of the tries.
    """

    path: Path
    script: str
    better: Edit
    worse: Edit
    simpler: Edit
    env: dict[str, str] = field(default_factory=dict)

    @property
    def journal(self) -> Journal:
        return Journal(self.path / ".git")

    def git(self, *words: str) -> str:
        return self._call("git", *words).stdout.strip()

    def ouro(self, *words: str) -> str:
        """Call ``pytest-ouro``; return its last line."""
        return self._last(sys.executable, "-m", "pytest_ouro", *words)

    def pytest(self, *words: str) -> str:
        """Call ``pytest``; return its last line."""
        return self._last(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *words)

    def attempt(self, edit: Edit, message: str) -> str:
        """Commit an edit and run it; return the last line."""
        script = self.path / self.script
        text = script.read_text(encoding="utf-8")
        assert text.count(edit[0]) == 1
        script.write_text(text.replace(*edit), encoding="utf-8")
        self.git("commit", "-q", "-m", message, "--", self.script)
        return self.pytest("--ouro-experiment", "--ouro-settle")

    def play(self) -> None:
        """Give the commands of the night, and demand the last line that each should have."""
        assert self.ouro("calibrate", "--runs", "4").startswith("ouro: calibrated noise=")
        baseline = self.git("rev-parse", "HEAD")
        run = ("--ouro-experiment", "--ouro-settle")
        assert self.pytest(*run).endswith(f"commit={baseline[:7]} reason=baseline")
        assert self.attempt(self.better, "a better idea").endswith(" reason=improved")
        better = self.git("rev-parse", "HEAD")
        self._try_until_a_placebo()
        assert self.git("rev-parse", "HEAD") == better
        assert self.attempt(self.simpler, "less code").endswith(" reason=simpler")

        ablated = self.pytest("--ouro-ablate", "--ouro-pairs", "2")
        assert ablated.startswith("ouro: ablated groups=2 "), ablated
        assert self.pytest("--ouro-confirm", "HEAD~1").startswith("ouro: confirmed gain=")
        refuted = self.pytest("--ouro-confirm", "HEAD", "--ouro-settle")
        assert refuted.startswith("ouro: refuted gain=-"), refuted
        assert self.git("rev-parse", "HEAD") == better, "the refuted edit is off the branch"
        certified = self.pytest("--ouro-certify", "--ouro-looks", "1", "--ouro-pairs", "3")
        ends = f"baseline={baseline[:7]} commit={better[:7]}"
        assert certified.startswith("ouro: certified gain="), certified
        assert certified.endswith(ends)
        assert self.ouro("finalize").endswith(" commits=1 state=certified")
        message = self.git("log", "-1", "--format=%B", f"ouro/{better[:7]}")
        assert f"Ouro-Certificate: {certified.removeprefix('ouro: ')}" in message
        assert self.git("status", "--porcelain") == ""
        log = self._call(sys.executable, "-m", "pytest_ouro", "log").stdout
        count = [run.purpose for run in self.journal.runs()].count("placebo")
        assert re.search(rf"^placebos: \d+ of {count} would be kept ", log, re.MULTILINE), log

    def _try_until_a_placebo(self) -> None:
        """Try worse ideas, at least one, until a placebo preceded a try: none of 20 is preceded by
        one once in a million nights."""
        for number in range(10, 30):
            edit = (self.worse[0], self.worse[1].format(number))
            assert self.attempt(edit, "a worse idea").endswith(" reason=worse")
            if any(run.purpose == "placebo" for run in self.journal.runs()):
                return
        raise AssertionError("no placebo preceded any of 20 tries")

    def recompute(self) -> None:
        """Demand that gains, errors and bounds of all statements follow from their pairs, and their
        pairs from the recorded runs."""
        stats = pytest.importorskip("scipy.stats")
        runs = {run.run: run for run in self.journal.runs()}
        found = [one for one in self.journal.statements() if one.result != "stated"]
        events = [one.event for one in found]
        assert events == ["calibration", *["ablation"] * 2, *["confirmation"] * 2, "certificate"]
        for one in found:
            sides = [[runs[name] for name in pair["runs"]] for pair in one.pairs]
            for pair, (before, after) in zip(one.pairs, sides, strict=True):
                assert (before.value, after.value) == (pair["baseline"], pair["tip"])
                assert before.salt == after.salt == pair["salt"] != 0
                assert (before.commit, after.commit) == (one.baseline, one.tip)
            if one.event == "ablation":
                assert (one.gain > 0) == (one is found[1]), "the first group is the better idea"
            assert one.slope is None, "no gain is corrected"
            if one.event == "calibration":
                demand_noise(one)
                continue
            # A gain has the digits up to the twelfth of the values, which are from 1 to 10 here.
            gains = [round(pair["baseline"] - pair["tip"], 11) for pair in one.pairs]
            test = stats.ttest_1samp(gains, 0)
            bounds = test.confidence_interval(confidence_level=1 - 2 * one.alpha)
            assert one.gain == pytest.approx(statistics.fmean(gains), rel=1e-9)
            assert one.se == pytest.approx(stats.sem(gains), rel=1e-9)
            assert one.low == pytest.approx(bounds.low, rel=1e-9)
            assert one.high == pytest.approx(bounds.high, rel=1e-9)
            assert one.p_flip == (flipped(gains) if 2.0 ** -len(gains) <= one.alpha else None)
        looks = [0.05 * 6 / (math.pi * look) ** 2 / 3 for look in (1, 2)]  # a third for each look
        expected = [*[0.05 / 2] * 2, *looks, 0.05]
        assert [one.alpha for one in found[1:]] == pytest.approx(expected, rel=1e-12)

    def demand_refusal(self) -> None:
        """Demand that a changed value of a pair is refused: against git's copy, and without one
        against the recorded runs."""
        lines = self.journal.lines()
        table = json.loads(lines[-1])
        assert table["event"] == "certificate"
        table["pairs"][0]["tip"] -= 0.1
        self.journal.path.write_bytes(b"\n".join([*lines[:-1], json.dumps(table).encode(), b""]))

        done = self._call(sys.executable, "-m", "pytest_ouro", "finalize", check=False)
        assert done.returncode == 2
        assert "is not what was recorded" in done.stderr
        run_git("update-ref", "-d", anchor.REF, cwd=self.path)
        done = self._call(sys.executable, "-m", "pytest_ouro", "log", check=False)
        assert "'pairs.tip'" in done.stdout + done.stderr

    def _last(self, *call: str) -> str:
        done = self._call(*call, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.rstrip().splitlines()[-1]

    def _call(self, *call: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            call,
            cwd=self.path,
            env={**os.environ, **self.env},
            check=check,
            capture_output=True,
            text=True,
            timeout=3000,
        )


def demand_noise(one: Statement) -> None:
    """Demand that the noise of a calibration follows from its pairs of runs, by an analysis of
    variance with two runs for each salt."""
    pairs = [(pair["baseline"], pair["tip"]) for pair in one.pairs]
    within = statistics.fmean((before - after) ** 2 / 2 for before, after in pairs)
    between = 2 * statistics.variance(statistics.fmean(pair) for pair in pairs)
    shared = max(0.0, between - within) / 2
    assert one.sd == pytest.approx(math.sqrt(shared + within), rel=1e-9)
    assert one.shared == pytest.approx(shared / (shared + within), rel=1e-9)


def flipped(gains: list[float]) -> float:
    """Return the share of the choices of signs whose sum is at least the observed one."""
    choices = list(itertools.product((1, -1), repeat=len(gains)))
    sums = [sum(s * g for s, g in zip(signs, gains, strict=True)) for signs in choices]
    return sum(one >= sums[0] - 1e-12 for one in sums) / len(choices)
