"""``--ouro-repeat``: each run has its own row and salt; the mean decides on the commit."""

import json
import re
import statistics
import xml.etree.ElementTree as ET

import pytest

from pytest_ouro.checks.settled import Settled
from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.terms import turns

#: Its metric lies around ``value``, and depends on the seed alone.
SEEDED = "import random; random.seed(42); luck = random.random()"


def seeded(lab, value=2.0, spread=0.01):
    return lab.script(before=SEEDED).replace(
        "evaluate_bpb(2.0)", f"evaluate_bpb({value} + {spread} * luck)"
    )


def auto(lab):
    lab.bound(("noise = 0.01", 'noise = "auto"'))


def runs(lab):
    return list(lab.journal.runs())


def test_each_repeat_is_a_run_of_its_own(lab):
    commit = lab.commit(seeded(lab))
    said = []
    result = lab.run(repeat=3, say=said.append)
    records = lab.journal.records()
    assert [record["event"] for record in records] == ["started", "finished"] * 3
    started = records[::2]
    assert len({record["salt"] for record in started}) == 3
    assert all(record["salt"] > 0 for record in started)
    assert [record["repeat"] for record in started] == [1, 2, 3]
    assert len({record["series"] for record in started}) == 1
    values = [run["val_bpb"] for run in runs(lab)]
    assert len(set(values)) == 3, "the salts changed the seeds"
    assert [run["commit"] for run in runs(lab)] == [commit] * 3
    assert [row[3] for row in lab.rows] == ["discard", "discard", "keep"]
    assert [float(row[1]) for row in lab.rows] == pytest.approx(values, abs=1e-6)
    assert [row[4] for row in lab.rows] == [f"[repeat {i}/3] an idea" for i in (1, 2, 3)]
    assert [run["reason"] for run in runs(lab)] == ["repeat", "repeat", "baseline"]
    assert (result.status, result.reason) == ("keep", "baseline")
    assert result.val_bpb == pytest.approx(statistics.mean(values))
    assert result.record["mean"] == pytest.approx(statistics.mean(values))
    assert result.record["sd"] == pytest.approx(statistics.stdev(values))
    assert result.record["n"] == 3
    assert said == [f"ouro: repeat {i}/3 val_bpb={v:.6f}" for i, v in enumerate(values, 1)]
    lab.clean()


def test_an_ordinary_run_leaves_the_seeds_alone(lab):
    lab.commit(seeded(lab))
    first, second = lab.run(), lab.run(again=True)
    assert first.val_bpb == second.val_bpb
    assert (first.record["salt"], second.reason) == (0, "unchanged")
    assert "repeat" not in first.record.to_json()
    assert first.repeats is None


@pytest.mark.tier(2)
def test_the_line_is_stable(lab, last_line):
    commit = lab.commit(seeded(lab))
    done = lab.pytest("--ouro-repeat", "2")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.rstrip().splitlines()
    values = [run["val_bpb"] for run in runs(lab)]
    mean, sd = statistics.mean(values), statistics.stdev(values)
    line = f"ouro: repeat n=2 mean={mean:.6f} sd={sd:.6f} commit={commit[:7]}"
    assert lines.count(line) == 1
    assert last_line(done) == (
        f"ouro: keep val_bpb={mean:.6f} level={runs(lab)[0]['level']} commit={commit[:7]} "
        "reason=baseline"
    )
    assert any(text.startswith("ouro: repeat 1/2 val_bpb=") for text in lines)


@pytest.mark.tier(2)
def test_quiet_keeps_the_line(lab):
    lab.commit(seeded(lab))
    done = lab.pytest("--ouro-repeat", "2", "-q")
    ours = [line for line in done.stdout.splitlines() if line.startswith("ouro:")]
    assert [re.sub("=.*", "", line) for line in ours] == ["ouro: repeat n", "ouro: keep val_bpb"]


@pytest.mark.tier(2)
def test_noise_is_the_deviation_of_the_repeats(lab):
    auto(lab)
    result = lab.run(seeded(lab), repeat=3)
    values = [run["val_bpb"] for run in runs(lab)]
    assert result.record["noise"] == pytest.approx(statistics.stdev(values))
    for _ in range(2):
        again = lab.run(again=True)
        assert again.reason == "unchanged", "unsalted, and no measure of noise"
    later = lab.run(seeded(lab, 1.0))
    assert later.record["noise"] == pytest.approx(statistics.stdev(values))
    assert later.best == pytest.approx(statistics.mean(values))


@pytest.mark.tier(2)
def test_the_margin_of_means_is_smaller(lab):
    lab.bound(("noise = 0.01", "noise = 0.01\nmargin = 1.5"))
    lab.run(seeded(lab), repeat=2)
    result = lab.run(seeded(lab, 1.0), repeat=3)
    assert (result.status, result.reason) == ("keep", "improved")
    error = 0.01 * (1 / 2 + 1 / 3) ** 0.5
    assert result.record["se"] == pytest.approx(error)
    assert result.record["margin"] == pytest.approx(1.5 * error)
    assert result.record["band"] == pytest.approx(error / 2**0.5)
    assert result.record["gain"] == pytest.approx(result.best - result.val_bpb, abs=1e-6)


def alternates(values):
    """Return code that sets ``luck`` to the next value in each run."""
    return (
        "import pathlib\n"
        "path = pathlib.Path.home() / 'count'\n"
        "count = int(path.read_text()) if path.exists() else 0\n"
        "path.write_text(str(count + 1))\n"
        f"luck = {values}[count]"
    )


def lucky(lab, *values):
    return lab.script(before=alternates(list(values))).replace("(2.0)", "(luck)")


def test_the_mean_decides_not_the_luckiest(lab):
    lab.run(lab.script(2.0))
    commit = lab.commit(lucky(lab, 1.5, 2.9, 1.9))
    result = lab.run(repeat=3)
    assert (result.status, result.reason) == ("discard", "worse")
    assert result.val_bpb == pytest.approx(2.1)
    assert result.best == 2.0
    assert "git reset --keep" in result.settlement[0]
    assert lab.project.git("rev-parse", "HEAD") == commit


@pytest.mark.tier(2)
def test_a_lucky_keep_is_undone_by_its_repeats(lab):
    """A lucky keep that is measured again is replaced by its mean."""
    base = lab.commit(lab.script(2.0))
    lab.run()
    commit = lab.commit(lucky(lab, 1.5, 2.4, 2.2))
    assert lab.run().reason == "improved"
    result = lab.run(repeat=2, settle=True)
    assert (result.status, result.reason, result.best) == ("discard", "worse", 2.0)
    assert lab.project.git("rev-parse", "HEAD") == base
    after = lab.run(lab.script(1.9))
    assert (after.status, after.reason, after.best) == ("keep", "improved", 2.0)
    assert not list(Settled().findings(open_case(lab.path / "bound.toml").evidence))
    assert lab.project.git("rev-parse", "refs/ouro/tried/5") == commit


def test_the_best_measured_again_stands_for_its_mean(lab):
    lab.run(lab.script(2.0))
    lab.commit(lucky(lab, 1.5, 1.8, 1.6))
    lab.run()
    again = lab.run(repeat=2)
    assert (again.status, again.reason, again.best) == ("keep", "improved", 2.0)
    assert again.val_bpb == pytest.approx(1.7)
    assert lab.run(lab.script(1.6)).best == pytest.approx(1.7)


def test_the_only_code_repeated_stays_the_baseline(lab):
    lab.run(lab.script(2.0))
    again = lab.run(repeat=2)
    assert (again.status, again.reason, again.best) == ("keep", "baseline", None)
    assert (again.repeats.mean, again.repeats.sd) == (2.0, 0.0)


@pytest.mark.tier(2)
def test_a_clear_loser_is_stopped_after_its_first_run(lab, last_line):
    kept = lab.commit(lab.script(2.0))
    lab.run()
    commit = lab.commit(seeded(lab, 2.06))

    done = lab.pytest("--ouro-repeat", "3", "--ouro-settle", "-q")

    *_, run = runs(lab)
    assert (len(runs(lab)), run.reason.value, run.repeat) == (2, "worse", 1)
    assert run.gain < -3 * run.se
    assert [row[4] for row in lab.rows[1:]] == ["[repeat 1/3] an idea"]
    by = f"{-run.gain / run.se:.3g} standard errors of the difference (limit: 3)"
    line = f"ouro: a clear loser, worse than 2.000000 by {by}: the other 2 repeats were not made"
    assert done.stdout.splitlines().count(line) == 1, done.stdout
    assert last_line(done) == (
        f"ouro: discard val_bpb={run.value:.6f} best=2.000000 level={run.level} "
        f"commit={commit[:7]} reason=worse"
    )
    assert (done.returncode, lab.project.git("rev-parse", "HEAD")) == (0, kept)
    assert lab.project.ouro("gate").returncode == 0
    lab.clean()


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("bound", "value"),
    [
        ("noise = 0.01", 2.03),  # 2.1 standard errors
        ('noise = "auto"', 9.0),  # not known yet
        ("noise = 0.01", 1.0),
    ],
)
def test_what_is_not_a_clear_loser_is_repeated(lab, bound, value):
    lab.bound(("noise = 0.01", bound))
    lab.run(lab.script(2.0))

    result = lab.run(lab.script(value), repeat=2)

    assert (result.repeats.values, result.stopped) == ((value, value), "")
    assert [run.reason.value for run in runs(lab)][1] == "repeat"


def test_a_kept_commit_is_measured_as_often_as_asked(lab):
    lab.run(lab.script(2.0))
    lab.commit(lucky(lab, 1.5, 2.4, 2.2))
    lab.run()

    result = lab.run(repeat=2)

    assert result.repeats.values == (2.4, 2.2)


def test_without_noise_any_loss_is_clear(lab):
    lab.bound(("noise = 0.01", "noise = 0.0"))
    lab.run(lab.script(2.0))

    result = lab.run(lab.script(2.001), repeat=2)

    assert (result.reason, result.repeats) == ("worse", None)
    assert result.stopped == (
        "ouro: a clear loser, worse than 2.000000 by 0.001000: the other repeat was not made"
    )


def test_comments_make_no_other_code_of_it(lab):
    lab.run(lab.script(2.0))
    result = lab.run(lab.script(2.0, before="# words"), repeat=2)
    assert (result.status, result.reason) == ("discard", "unchanged")
    assert result.repeats.mean == 2.0


def test_a_crash_ends_the_series(lab):
    lab.commit(lucky(lab, 2.0, 1.9))
    result = lab.run(repeat=4)
    assert (result.status, result.reason, result.val_bpb) == ("crash", "crash", None)
    assert [row[3] for row in lab.rows] == ["discard", "discard", "crash"]
    assert result.repeats.values == (2.0, 1.9)
    assert result.record["best"] is None
    assert lab.run(lab.script(3.0)).reason == "baseline", "nothing was kept"


def test_a_crash_of_the_best_leaves_it_kept(lab):
    lab.run(lab.script(2.0))
    commit = lab.commit(lucky(lab, 1.5, 1.6))
    lab.run()
    result = lab.run(repeat=2)
    assert (result.status, result.settlement) == ("crash", ())
    assert result.record["best_commit"] == commit


def test_a_rehearsal_can_be_repeated(lab):
    lab.commit(seeded(lab))
    result = lab.run(repeat=2, budget=0.2)
    assert (result.status, result.reason) == ("discard", "rehearsal")
    assert result.repeats.sd > 0
    assert lab.rows[0][4].startswith("[rehearsal 0.2s] [repeat 1/2] ")


def test_head_may_not_move_between_repeats(lab):
    commit = lab.commit(seeded(lab))

    def say(text):
        lab.project.commit("meanwhile")

    with pytest.raises(ExperimentError, match=f"HEAD moved from {commit[:7]} to"):
        lab.run(repeat=2, say=say)
    assert len(runs(lab)) == 1


def test_an_undecided_commit_breaks_no_rule(lab):
    """An incomplete series neither keeps nor discards its commit."""
    lab.commit(lucky(lab, 2.0))
    lab.run(repeat=2)
    lab.commit(lab.script(1.9))
    assert not list(Settled().findings(open_case(lab.path / "bound.toml").evidence))


def test_a_discard_that_stays_is_still_found(lab):
    lab.run(lab.script(2.0))
    lab.run(lab.script(3.0), repeat=2)
    lab.commit(lab.script(1.9))
    (finding,) = Settled().findings(open_case(lab.path / "bound.toml").evidence)
    assert finding.headline == "main still has a discarded commit"


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_an_invalid_number_is_a_usage_error(lab, count):
    done = lab.pytest("--ouro-repeat", count)
    assert done.returncode == 4
    assert "--ouro-repeat" in done.stderr
    assert lab.journal.records() == []


def test_one_is_an_ordinary_run(lab):
    assert lab.run(lab.script(), repeat=1).record["salt"] == 0


def test_junit_xml_carries_mean_and_deviation(lab, tmp_path):
    lab.commit(seeded(lab))
    done = lab.pytest("--ouro-repeat", "2", f"--junitxml={tmp_path / 'junit.xml'}")
    assert done.returncode == 0, done.stdout
    cases = ET.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    (case,) = [case for case in cases if case.get("name") == "run"]
    found = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
    values = [run["val_bpb"] for run in runs(lab)]
    assert float(found["val_bpb"]) == pytest.approx(statistics.mean(values))
    assert float(found["sd"]) == pytest.approx(statistics.stdev(values))
    assert found["repeats"] == "2"


def test_a_command_finds_its_salt_in_the_environment(lab):
    lab.bound(
        (
            'script    = "train.py"\n',
            'command = ["python", "train.py"]\nevaluate-command = ["python", "score.py"]\n',
        ),
        ('harness   = "prepare.py"\nevaluate  = "evaluate_bpb"\n', ""),
        ("budget    = 0.3", "budget    = 9"),
        score_py="import os, pathlib\n"
        "print('val_bpb:', pathlib.Path(os.environ['OURO_CANDIDATE'], 'out').read_text())\n",
    )
    lab.commit("import os\nopen('out', 'w').write('2.' + os.environ.get('OURO_SALT', '0'))\n")
    result = lab.run(repeat=2)
    assert result.status == "keep", result.message
    for run in runs(lab):
        assert run["val_bpb"] == pytest.approx(float(f"2.{run['salt']}"))
    assert lab.run(again=True).val_bpb == 2.0


def test_salts_are_never_zero_nor_drawn_twice(monkeypatch):
    drawn = iter([0, 6, 6, 0, 8])
    monkeypatch.setattr(turns._SYSTEM, "randint", lambda low, high: low + next(drawn))
    assert {turn.salt for turn in turns.make_turns(3)} == {1, 7, 9}


def test_the_journal_is_plain(lab):
    lab.run(seeded(lab), repeat=2)
    for line in lab.journal.path.read_text().splitlines():
        json.loads(line)
