"""Certificates and confirmations: fresh pairs of runs of two commits, and what they show."""

import hashlib
import json
import re
from collections import Counter

import pytest

from pytest_ouro.core.errors import ExperimentError, RecordError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import anchor, record_format
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.selection.confirm import confirm_edit
from pytest_ouro.experiment.selection.plan import draw_pairs
from pytest_ouro.experiment.selection.selection import explain

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
    luck = replace(one, result="not-granted", p_flip=0.125)
    assert explain(luck).startswith("the lower bound is above 0, but the exact sign-flip test")
    refuted = replace(one, result="refuted", against="a guard is broken")
    assert explain(refuted).startswith("the edit is not shown to help")
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


@pytest.mark.tier(2)
def test_the_brief_says_what_it_came_to_and_what_to_do(lab, night, ouro):
    def interrupt(position):
        raise KeyboardInterrupt

    assert certify(case_of(lab), pairs=2, progress=interrupt).statement is None
    (one,) = json.loads(ouro("brief", "--json")[1])["results"]
    assert (one["result"], one["gain"], one["pairs"]) == ("unfinished", None, 2)
    assert one["then"] == "go on with it: pytest --ouro-certify"

    found = certify(case_of(lab)).statement

    assert certify(case_of(lab), again=True, progress=interrupt).statement is None
    later, one = json.loads(ouro("brief", "--json")[1])["results"]
    assert later["result"] == "unfinished"
    facts = ("event", "baseline", "commit", "gain", "low", "claimed", "detectable", "pairs")
    assert [one[name] for name in facts] == [
        *("certificate", *night, found.gain, found.low, found.claimed, found.detectable, 2)
    ]
    text = ouro("brief")[1]
    assert f"certificate of {night[1][:7]} against {night[0][:7]}: {one['result']}, gain 0." in text
    assert f"\n  {one['why']}\n  then: {one['then']}\n" in text
    assert found.result == "granted"
    low = lab.journal.runs()[0].metric.text(found.low)
    finalize = "make the branch: pytest-ouro finalize"
    assert one["then"] == f"claim {low}, its lower bound, and {finalize}"


@pytest.mark.tier(2)
def test_numbers_follow_from_the_pairs(lab, night):
    stats = pytest.importorskip("scipy.stats")
    one = certify(case_of(lab), pairs=4).statement

    gains = [pair["baseline"] - pair["tip"] for pair in one.pairs]
    found = stats.ttest_1samp(gains, 0, alternative="greater")
    low = found.confidence_interval(confidence_level=1 - one.alpha).low
    assert one.gain == pytest.approx(sum(gains) / 4, rel=1e-9)
    assert one.low == pytest.approx(low, rel=1e-9)
    assert one.alpha == pytest.approx(0.05 * 6 / 3.141592653589793**2, rel=1e-9)


@pytest.mark.tier(2)
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


@pytest.mark.tier(2)
def test_values_that_no_salt_changes_show_nothing(lab, night):
    lab.run(lab.script(1.0))
    found = certify(case_of(lab), pairs=3)
    assert found.statement.result == "not-granted"
    assert "does not depend on the salted seeds" in found.lines()[0]
    edit = confirm_edit(case_of(lab), "HEAD")
    assert (edit.statement.result, edit.pairs) == ("undecided", 2)
    assert edit.last_line.startswith("ouro: undecided gain=")


@pytest.mark.tier(2)
def test_looks_are_counted_and_cost_more(lab, night):
    alphas = [certify(case_of(lab), pairs=2).statement.alpha for _ in range(2)]
    assert alphas[1] == pytest.approx(alphas[0] / 4)
    refs = anchor.refs(lab.path / ".git")
    start = f"{anchor.LOOKS}certificate/{night[0]}/"
    assert {ref: refs[ref] for ref in refs if ref.startswith(start)} == {
        f"{start}{n}": night[1] for n in (1, 2)
    }


@pytest.mark.tier(2)
@pytest.mark.parametrize("looks", [0, 1])
def test_a_deleted_journal_does_not_forget_a_look(lab, night, looks):
    certify(case_of(lab), pairs=2, looks=looks)
    lab.journal.path.unlink()
    run_git("update-ref", "-d", anchor.REF, cwd=lab.path)
    lab.project.git("checkout", "-q", night[0])
    lab.run()
    lab.project.git("checkout", "-q", night[1])
    lab.run()

    if looks:
        with pytest.raises(ExperimentError, match="1 look was stated"):
            certify(case_of(lab), pairs=2)
    else:
        assert certify(case_of(lab), pairs=2).statement.look == 2


def test_a_deleted_journal_is_restored_first(lab, night):
    lab.journal.path.unlink()
    for measure in (certify, lambda case: confirm_edit(case, "HEAD")):
        with pytest.raises(RecordError, match="lines that were recorded are gone") as found:
            measure(case_of(lab))
        assert found.value.help == "put back what was recorded: pytest-ouro log --restore"


@pytest.mark.tier(2)
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


def test_looks_are_not_stated_while_one_goes_on(lab, night):
    def interrupt(position):
        raise KeyboardInterrupt

    assert certify(case_of(lab), pairs=2, looks=1, progress=interrupt).statement is None
    with pytest.raises(ExperimentError, match="1 were stated before the first look") as error:
        certify(case_of(lab), looks=2)
    assert "and this is look 1" in error.value.message
    assert certify(case_of(lab), looks=1).statement.looks == 1


@pytest.mark.tier(2)
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


@pytest.mark.tier(2)
def test_an_unfinished_certificate_can_be_left_for_a_further_look(lab, night):
    def interrupt(position):
        raise KeyboardInterrupt

    said = []
    assert certify(case_of(lab), pairs=900, progress=interrupt).statement is None
    assert certify(case_of(lab), pairs=2, progress=interrupt, say=said.append).planned == 900
    assert said[0].endswith("; --ouro-again begins a further look in its place")

    one = certify(case_of(lab), pairs=2, again=True).statement

    assert (one.look, len(one.pairs), one.failed) == (2, 2, ())
    assert one.alpha < 0.05 / 4
    assert certify(case_of(lab), pairs=3).statement.look == 3, "the first one is not taken up again"


@pytest.mark.tier(2)
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


@pytest.mark.tier(2)
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


def smaller(lab, mean, spread):
    """Keep a script for being smaller than the last keep, the value of which it has."""
    lab.run(noisy(1.0, own=2) + f"padding = {[*range(40)]}\n")
    only = f"import os\nsalted = 'OURO_SALT' in os.environ\nval = {mean} * salted"
    script = noisy(1.0, own=2, spread=spread).replace("val = ", f"{only} + ", 1)
    lab.run(script)
    run = lab.journal.runs()[-1]
    assert (run.status, run.reason) == ("keep", "simpler")
    return run


@pytest.mark.tier(2)
def test_smaller_code_is_confirmed_if_it_is_not_worse(lab, night):
    run = smaller(lab, -0.0005, 0.0098)
    found = confirm_edit(case_of(lab), "HEAD")
    one = found.statement
    assert (one.result, one.margin) == ("confirmed", run.band)
    assert one.gain > 0
    assert -one.margin < one.low
    assert re.fullmatch(
        r"ouro: confirmed gain=0\.\d+ low=-?0\.\d+ pairs=2 margin=0\.010000 claimed=\S+ level=.*",
        found.last_line,
    )
    assert "loses no more than 0.010000, the band within which it tied" in found.lines()[0]
    assert lab.journal.fault() is None


@pytest.mark.tier(2)
def test_smaller_code_that_is_worse_by_less_than_the_band_is_refuted(lab, night):
    smaller(lab, 0.004, 0.0098)
    found = confirm_edit(case_of(lab), "HEAD")
    assert found.statement.result == "refuted"
    assert found.statement.gain > -found.statement.margin
    assert "the smaller code is worse, by 0.00" in found.lines()[0]
    assert lab.journal.fault() is None


@pytest.mark.tier(2)
def test_smaller_code_that_is_worse_is_refuted(lab, night):
    smaller(lab, 0.05, 0.0098)
    before = lab.journal.runs()[-2].commit
    found = confirm_edit(case_of(lab), "HEAD", apply=True)
    assert (found.statement.result, found.pairs) == ("refuted", 2)
    assert "the smaller code is worse, by 0.04" in found.lines()[0]
    assert lab.project.git("rev-parse", "HEAD").strip() == before
    assert lab.journal.fault() is None


def test_only_a_keep_with_a_reference_is_confirmed(lab, night):
    with pytest.raises(ExperimentError, match="is not a keep"):
        confirm_edit(case_of(lab), "no-such-branch")
    with pytest.raises(ExperimentError, match="no keep before it"):
        confirm_edit(case_of(lab), night[0])


@pytest.mark.tier(2)
def test_the_command(lab, night, last_line):
    done = lab.project.pytest("--ouro-certify", "--ouro-pairs", "2")
    assert done.returncode == 0, done.stdout
    assert re.match(r"ouro: (not-)?certified gain=", last_line(done))
    assert "selection::certify" not in done.stdout or "FAILED" not in done.stdout


@pytest.mark.tier(2, but=4)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--ouro-certify", "--ouro-experiment"), "cannot be used together"),
        (("--ouro-certify", "--ouro-pairs", "1"), "--ouro-pairs must be from 2 to 1000"),
        (("--ouro-certify", "--ouro-pairs", "5000"), "--ouro-pairs must be from 2 to 1000"),
        (("--ouro-certify", "--ouro-looks", "-1"), "--ouro-looks from 0 to 1000"),
        (("--ouro-confirm", ""), "--ouro-confirm names no commit"),
        (("--ouro-confirm", "HEAD", "--ouro-pairs", "3"), "--ouro-pairs cannot be used with"),
        (("--ouro-ablate", "--ouro-looks", "1"), "--ouro-looks cannot be used with --ouro-ablate"),
        (("--ouro-experiment", "--ouro-pairs", "6"), "--ouro-pairs cannot be used with"),
        (("--ouro-experiment", "--ouro-looks", "1"), "--ouro-looks cannot be used with"),
        (("--ouro-certify", "--ouro-budget", "1"), "--ouro-budget cannot be used with"),
        (("--ouro-certify", "--ouro-repeat", "3"), "--ouro-repeat cannot be used with"),
        (("--ouro-confirm", "HEAD", "-n", "2"), "--ouro-confirm cannot be used with -n"),
    ],
)
def test_options_that_do_not_fit(lab, options, words):
    done = lab.project.pytest(*options)
    assert done.returncode == 4
    assert words in done.stdout + done.stderr
    assert "  help: " in done.stdout + done.stderr


@pytest.mark.tier(2)
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
