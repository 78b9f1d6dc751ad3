"""A keep that was refuted, or was a breach since: what is compared, settled, judged and printed."""

import json
from pathlib import Path

import pytest

from pytest_ouro.core.statistics.pairs import grant
from pytest_ouro.evidence.records.states import standing_keeps, states_by_run
from tests.experiment.test_measure_commit import pair, statement


def states(lab):
    """The state of each run that has one, oldest first, with None for the others."""
    runs, statements = lab.journal.runs(), lab.journal.statements()
    found = states_by_run(runs, statements)
    return [found[run.run].state if run.run in found else None for run in runs]


#: The two salts by which the keep is confirmed or refuted, or neither, and its values with them.
VALUES = {
    "confirmed": {7: 1.0, 8: 1.000001},
    "refuted": {9: 2.5, 10: 2.6},
    "undecided": {11: 1.0, 12: 1.9},
}
EVERY = {str(salt): value for values in VALUES.values() for salt, value in values.items()}
#: The keep: its value is 1 in the search.
KEEP = f"""\
import os
from prepare import evaluate_bpb
val_bpb = evaluate_bpb({EVERY}.get(os.environ.get("OURO_SALT"), 1.0))
print(f"val_bpb: {{val_bpb:.6f}}")
"""


@pytest.fixture
def night(lab):
    """A baseline with the value 2 and a keep with 1."""
    lab.run(lab.script(2.0))
    lab.run(KEEP)
    return [run.commit for run in lab.journal.runs()]


def refute(lab, night, result="refuted"):
    """Record a confirmation of the keep over two pairs, its plan first, which came to
    ``result``."""
    sides = [pair(lab, *night, salt=salt) for salt in VALUES[result]]
    found = grant([one.value - other.value for one, other in sides], 0.01)
    facts = {"event": "confirmation", "pairs": tuple(statement(*one).pairs[0] for one in sides)}
    lab.journal.append(statement(*sides[0], **facts, result="stated", gain=None))
    numbers = {name: getattr(found, name) for name in ("gain", "se", "low", "high", "p_flip")}
    lab.journal.append(statement(*sides[0], **facts, **numbers, alpha=0.01, result=result))


@pytest.mark.tier(2)
def test_the_last_keep_is_provisional_until_it_is_confirmed(lab, night):
    assert states(lab) == ["provisional", "provisional"]
    refute(lab, night, "undecided")
    assert states(lab) == ["provisional", "provisional", *4 * [None]]
    refute(lab, night, "confirmed")
    assert states(lab)[:2] == ["provisional", "confirmed"]

    worse = lab.run(lab.script(1.5))
    assert (worse.reason, worse.best) == ("worse", 1.0)


def test_a_refuted_keep_is_not_the_reference(lab, night):
    baseline, _ = night
    refute(lab, night)

    better = lab.run(lab.script(1.5))

    assert (better.status, better.best, better.record.best_commit) == ("keep", 2.0, baseline)
    assert better.record.incumbent == baseline
    assert states(lab)[:2] == ["provisional", "refuted"]


@pytest.mark.tier(2)
def test_the_rule_wants_a_refuted_keep_off_the_branch(lab):
    rule = '[[iron-law]]\nid = "settled"\nrule = "Keeps stay."\ncheck = "settled"\n'
    lab.bound(("[verdict]", f"{rule}\n[verdict]"))
    lab.run(lab.script(2.0))
    lab.run(KEEP)
    night = [run.commit for run in lab.journal.runs()]
    refute(lab, night)
    assert lab.project.ouro("gate").returncode == 0, "it may wait at the tip"
    lab.project.commit("more", {"more.txt": ""})

    broken = lab.project.ouro("gate")
    commit = night[1][:7]
    remedy = f"git rebase --onto {commit}~1 {commit} main"
    assert broken.returncode == 1
    assert "main still has a commit whose keep does not stand" in broken.stdout
    assert f"drop it: {remedy}" in broken.stdout

    lab.project.git(*remedy.split()[1:])
    assert lab.project.ouro("gate").returncode == 1, "more.txt is not editable"
    lab.project.git("reset", "-q", "--keep", night[0])
    assert lab.project.ouro("gate").returncode == 0


@pytest.mark.tier(2)
def test_the_branch_returns_to_the_keep_before_it(lab, night):
    baseline, _ = night
    refute(lab, night)

    lost = lab.run(lab.script(3.0), settle=True)

    assert lost.record.incumbent == baseline
    assert lab.project.git("rev-parse", "HEAD") == baseline
    assert lab.project.ouro("gate").returncode == 0
    lab.clean()


def test_a_refuted_keep_is_not_kept_by_its_mean(lab, night):
    refute(lab, night)

    again = lab.run(repeat=2)

    assert (again.status, again.reason, again.best) == ("discard", "unchanged", 2.0)
    assert states(lab)[:2] == ["provisional", "refuted"]


@pytest.mark.tier(2)
def test_its_code_is_not_kept_again(lab, night):
    refute(lab, night)
    lab.project.git("reset", "-q", "--keep", night[0])

    for order in ({}, {"again": True}):
        again = lab.run(f"{KEEP}# with other words: {order}\n", **order)
        assert (again.status, again.reason, again.best) == ("discard", "unchanged", 2.0)


def test_a_later_breach_takes_the_keep_back(lab, night):
    baseline, _ = night
    lies = (  # where a file exists
        "import os\nif os.path.exists(os.path.expanduser('~/second')):\n"
        "    print('val_bpb: 0.1')\n    print = lambda *_: None"
    )
    lab.project.git("reset", "-q", "--keep", baseline)
    assert lab.run(lab.script(0.9, before=lies)).reason == "improved"
    keep = lab.project.git("rev-parse", "HEAD")
    Path("~/second").expanduser().touch()

    breach = lab.run(settle=True, again=True)

    assert (breach.status, breach.reason) == ("crash", "breach")
    assert breach.record.incumbent == baseline
    assert lab.project.git("rev-parse", "HEAD") == baseline
    runs = lab.journal.runs()
    found = states_by_run(runs)
    assert [found[run.run].state for run in runs if run.commit == keep and run.run in found] == [
        "void"
    ]
    assert keep not in [run.commit for run in standing_keeps([keep, baseline], runs)]
    assert lab.project.ouro("gate").returncode == 0


@pytest.mark.tier(2)
def test_log_and_brief_show_the_states(lab, night):
    refute(lab, night)

    lines = lab.project.ouro("log").stdout.splitlines()
    first, second, *sides = [line for line in lines if line.startswith("20")][:4]
    words = {"keep", "discard", "provisional", "refuted"}
    assert [[word for word in line.split() if word in words] for line in (first, second)] == [
        ["keep", "provisional"],
        ["keep", "refuted"],
    ]
    assert [line.split().count("discard") for line in sides] == [1, 1]
    tables = [json.loads(line) for line in lab.project.ouro("log", "--json").stdout.splitlines()]
    assert [table.get("state") for table in tables][:4] == ["provisional", "refuted", None, None]
    assert tables[1]["state_why"] == "its gain did not show on 2 fresh pairs"

    facts = json.loads(lab.project.ouro("brief", "--json").stdout)
    assert (facts["best"]["commit"], facts["best"]["state"]) == (night[0], "provisional")
    assert [one["state"] for one in facts["tried"]][-2:] == ["refuted", "provisional"]
    assert facts["next"]["step"] == "settle"
    assert facts["next"]["why"].startswith(
        "HEAD is refuted (its gain did not show on 2 fresh pairs)"
    )
    text = lab.project.ouro("brief").stdout
    assert "keep (refuted) improved" in text
    assert f"of {night[0][:7]}, provisional, not HEAD" in text
