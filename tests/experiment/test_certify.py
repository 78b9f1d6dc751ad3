"""Certificates and confirmations: fresh pairs of runs of two commits, and what they show."""

import hashlib
import re
from collections import Counter

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import anchor, record_format
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.selection.confirm import confirm_edit
from pytest_ouro.experiment.selection.plan import draw_pairs

pytestmark = pytest.mark.usefixtures("fixed_salts")

#: A train.py whose value is ``mean`` and noise that depends on the salt alone, and on ``own``.
NOISY = """\
import random
random.seed({own})
val = {mean} + {spread} * random.random()
from prepare import evaluate_bpb
val_bpb = evaluate_bpb(val)
print(f"val_bpb: {{val_bpb:.6f}}")
"""


def noisy(mean, own=1, spread=0.01):
    return NOISY.format(mean=mean, own=own, spread=spread)


def case_of(lab):
    return open_case(lab.path / "bound.toml")


@pytest.fixture
def night(lab):
    """A baseline, and a keep that is better by 0.5."""
    baseline = lab.commit(noisy(2.0))
    lab.run()
    lab.run(noisy(1.5, own=2))
    return baseline, lab.project.git("rev-parse", "HEAD").strip()


def test_a_true_gain_is_certified(lab, night):
    said = []
    found = certify(case_of(lab), pairs=3, say=said.append)

    one = found.statement
    assert (one.result, one.baseline, one.tip) == ("granted", *night)
    assert one.gain == pytest.approx(0.5, abs=0.02)
    assert 0 < one.low < one.gain < one.high
    assert (one.look, one.looks, len(one.pairs)) == (1, 0, 3)
    assert one.claimed == pytest.approx(0.5, abs=0.02)
    assert re.fullmatch(
        rf"ouro: certified gain=0\.\d+ low=0\.\d+ pairs=3 claimed=0\.\d+ level={one.level} "
        rf"baseline={night[0][:7]} commit={night[1][:7]}",
        found.last_line,
    )
    assert len([text for text in said if text.startswith("ouro: pair ")]) == 6
    runs = {run.run: run for run in lab.journal.runs()}
    lines = b""
    for pair in one.pairs:
        sides = [runs[name] for name in pair["runs"]]
        assert [run.commit for run in sides] == [*night]
        assert [run.value for run in sides] == [pair["baseline"], pair["tip"]]
        assert {run.salt for run in sides} == {pair["salt"]}
        lines += b"".join(record_format.write(run) + b"\n" for run in sides)
    assert one.evidence == hashlib.sha256(lines).hexdigest()
    assert [r.rule for r in check_all(case_of(lab)) if r.broken] == []
    lab.clean()


def test_numbers_follow_from_the_pairs(lab, night):
    stats = pytest.importorskip("scipy.stats")
    one = certify(case_of(lab), pairs=4).statement

    gains = [pair["baseline"] - pair["tip"] for pair in one.pairs]
    found = stats.ttest_1samp(gains, 0, alternative="greater")
    low = found.confidence_interval(confidence_level=1 - one.alpha).low
    assert one.gain == pytest.approx(sum(gains) / 4, rel=1e-9)
    assert one.low == pytest.approx(low, rel=1e-9)
    assert one.alpha == pytest.approx(0.05 * 6 / 3.141592653589793**2, rel=1e-9)


def test_equal_code_is_not_certified(lab):
    """Two commits whose values differ by the luck of unsalted seeds alone."""
    lab.run(noisy(2.0, own=2, spread=1.0))
    lab.run(noisy(2.0, own=1, spread=1.0).replace("val =", "other = val ="))
    one, other = lab.journal.runs()
    assert (other.status, other.gain > 0.8) == ("keep", True)
    found = certify(case_of(lab), pairs=4)

    one = found.statement
    assert (one.result, found.last_line.split()[1]) == ("not-granted", "not-certified")
    assert " detectable=" in found.last_line
    assert any("do not show a gain" in line for line in found.lines())


def test_values_that_no_salt_changes_show_nothing(lab, night):
    lab.run(lab.script(1.0))
    found = certify(case_of(lab), pairs=3)
    assert found.statement.result == "not-granted"
    assert "does not depend on the salted seeds" in found.lines()[0]
    edit = confirm_edit(case_of(lab), "HEAD")
    assert (edit.statement.result, edit.pairs) == ("undecided", 2)
    assert edit.last_line.startswith("ouro: undecided gain=")


def test_looks_are_counted_and_cost_more(lab, night):
    alphas = [certify(case_of(lab), pairs=2).statement.alpha for _ in range(2)]
    assert alphas[1] == pytest.approx(alphas[0] / 4)
    refs = anchor.refs(lab.path / ".git")
    start = f"{anchor.LOOKS}certificate/{night[0]}/"
    assert {ref: refs[ref] for ref in refs if ref.startswith(start)} == {
        f"{start}{n}": night[1] for n in (1, 2)
    }


def test_a_deleted_journal_does_not_forget_a_look(lab, night):
    certify(case_of(lab), pairs=2)
    lab.journal.path.unlink()
    run_git("update-ref", "-d", anchor.REF, cwd=lab.path)
    lab.project.git("checkout", "-q", night[0])
    lab.run()
    lab.project.git("checkout", "-q", night[1])
    lab.run()

    assert certify(case_of(lab), pairs=2).statement.look == 2


def test_stated_looks_share_alpha_and_end(lab, night):
    first = certify(case_of(lab), pairs=2, looks=2).statement
    second = certify(case_of(lab), pairs=2).statement
    assert [(one.look, one.looks, one.alpha) for one in (first, second)] == [
        (1, 2, 0.025),
        (2, 2, 0.025),
    ]
    with pytest.raises(ExperimentError, match="2 looks were stated"):
        certify(case_of(lab), pairs=2)
    with pytest.raises(ExperimentError, match="comes too late"):
        certify(case_of(lab), pairs=2, looks=5)


def test_a_crash_is_resumed_with_the_same_pairs(lab, night):
    fails = lab.path / "fails"
    fragile = noisy(1.0) + f"\nimport os\nif os.path.exists({str(fails)!r}): raise SystemExit(3)\n"
    lab.run(fragile)
    fails.touch()
    found = certify(case_of(lab), pairs=3)
    assert found.statement is None
    assert found.last_line.startswith("ouro: certificate-unfinished pairs=0/3 ")
    assert " reason=crash" in found.last_line
    stated = lab.journal.statements()[-1]
    fails.unlink()

    said = []
    again = certify(case_of(lab), pairs=9, say=said.append).statement

    assert (again.plan, again.look) == (stated.plan, 1)
    assert [pair["salt"] for pair in again.pairs] == [pair["salt"] for pair in stated.pairs]
    assert "continues" in said[0]


def test_runs_of_complete_pairs_are_not_repeated(lab, night):
    mark = lab.path.parent / "mark"
    stops = f"import os\nif os.path.exists({str(mark)!r}): raise SystemExit(3)\n"
    lab.run(noisy(1.0) + stops)

    def stop_after_two_pairs(text):
        if text.startswith("ouro: pair 2/"):
            mark.touch()

    assert certify(case_of(lab), pairs=4, say=stop_after_two_pairs).statement is None
    done = [run for run in lab.journal.runs() if run.purpose == "pair" and run.value is not None]
    mark.unlink()

    one = certify(case_of(lab), pairs=4).statement

    assert [name for pair in one.pairs for name in pair["runs"]][:2] != []
    named = {name for pair in one.pairs for name in pair["runs"]}
    assert {run.run for run in done} <= named, "what was complete is not measured again"


def test_nothing_to_certify(lab):
    lab.commit(noisy(2.0))
    with pytest.raises(ExperimentError, match="no run is kept"):
        certify(case_of(lab))
    lab.run()
    with pytest.raises(ExperimentError, match="still the last keep"):
        certify(case_of(lab))


def test_pairs_have_fresh_salts_and_drawn_orders():
    pairs = draw_pairs(8)
    assert len({salt for salt, _ in pairs}) == 8
    orders = [[first for _, first in draw_pairs(4)] for _ in range(2000)]
    # Each pair is drawn by itself: all sixteen orders occur, about equally often.
    counts = Counter(map(tuple, orders))
    assert len(counts) == 16
    assert min(counts.values()) > 60


def test_an_edit_is_confirmed_after_few_pairs(lab, night):
    found = confirm_edit(case_of(lab), "HEAD")
    one = found.statement
    assert (one.result, one.baseline, one.tip, one.night) == ("confirmed", *night, night[0])
    assert found.pairs in (2, 4)
    assert found.last_line.startswith("ouro: confirmed gain=0.")


def test_a_refuted_edit_is_rolled_back(lab, night):
    worse = noisy(1.5, own=1).replace("val =", "val = -0.001 +", 1)  # kept by a hair
    worse = worse.replace(
        "val = -0.001 +", "import os\nval = 0.1 * ('OURO_SALT' in os.environ) - 0.001 +"
    )
    lab.run(worse)
    assert lab.journal.runs()[-1].status == "keep"

    found = confirm_edit(case_of(lab), "HEAD", apply=True)

    assert found.statement.result == "refuted"
    assert found.pairs == 2, "it is hopeless after the first look"
    assert lab.project.git("rev-parse", "HEAD").strip() == night[1]
    assert "settled" in found.settlement[0]


def test_only_a_keep_with_a_reference_is_confirmed(lab, night):
    with pytest.raises(ExperimentError, match="is not a keep"):
        confirm_edit(case_of(lab), "no-such-branch")
    with pytest.raises(ExperimentError, match="no keep before it"):
        confirm_edit(case_of(lab), night[0])


def test_the_command(lab, night, last_line):
    done = lab.project.pytest("--ouro-certify", "--ouro-pairs", "2")
    assert done.returncode == 0, done.stdout
    assert re.match(r"ouro: (not-)?certified gain=", last_line(done))
    assert "selection::certify" not in done.stdout or "FAILED" not in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--ouro-certify", "--ouro-experiment"), "cannot be used together"),
        (("--ouro-certify", "--ouro-pairs", "1"), "--ouro-pairs must be at least 2"),
        (("--ouro-certify", "--ouro-budget", "1"), "--ouro-budget cannot be used with"),
        (("--ouro-confirm", "HEAD", "-n", "2"), "--ouro-confirm cannot be used with -n"),
    ],
)
def test_options_that_do_not_fit(lab, options, words):
    done = lab.project.pytest(*options)
    assert done.returncode == 4
    assert words in done.stdout + done.stderr
    assert "  help: " in done.stdout + done.stderr


def test_a_crash_exits_1(lab, night, last_line):
    lab.project.edit(
        "train.py",
        "val = 1.5",
        "import os\nif os.environ.get('OURO_SALT'): raise SystemExit('no')\nval = 0.5",
    )
    lab.project.git("commit", "-qam", "breaks with a salt")
    lab.run()
    assert lab.journal.runs()[-1].status == "keep"
    done = lab.project.pytest("--ouro-certify", "--ouro-pairs", "2")
    assert done.returncode == 1
    assert last_line(done).startswith("ouro: certificate-unfinished pairs=0/2 ")
    assert "help: the pairs that are complete stay" in done.stdout
