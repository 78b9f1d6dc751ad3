"""A keep that was refuted, or was a breach since: what is compared, settled, judged and printed."""

import json
from pathlib import Path

import pytest

from pytest_ouro.evidence.records.states import standing_keeps, states_by_run
from tests.experiment.test_measure_commit import pair, statement


def states(lab):
    """The state of each run that has one, oldest first, with None for the others."""
    runs, statements = lab.journal.runs(), lab.journal.statements()
    found = states_by_run(runs, statements)
    return [found[run.run].state if run.run in found else None for run in runs]


@pytest.fixture
def night(lab):
    """A baseline with the value 2 and a keep with 1."""
    lab.run(lab.script(2.0))
    lab.run(lab.script(1.0))
    return [run.commit for run in lab.journal.runs()]


def refute(lab, night, result="refuted"):
    """Record a confirmation of the keep, its plan first, which came to ``result``: over one pair,
    or over two that confirm it."""
    confirmed = result == "confirmed"
    sides = [pair(lab, *night, salt=salt) for salt in ((7, 8) if confirmed else (7,))]
    facts = {"event": "confirmation", "pairs": tuple(statement(*one).pairs[0] for one in sides)}
    lab.journal.append(statement(*sides[0], **facts, result="stated", gain=None))
    facts |= {"alpha": 0.01, "se": 0.0, "low": 1.0, "high": 1.0} if confirmed else {}
    lab.journal.append(statement(*sides[0], **facts, result=result))


def test_the_last_keep_is_provisional_until_it_is_confirmed(lab, night):
    assert states(lab) == ["provisional", "provisional"]
    refute(lab, night, "undecided")
    assert states(lab) == ["provisional", "provisional", None, None]
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


def test_the_rule_wants_a_refuted_keep_off_the_branch(lab):
    rule = '[[iron-law]]\nid = "settled"\nrule = "Keeps stay."\ncheck = "settled"\n'
    lab.bound(("[verdict]", f"{rule}\n[verdict]"))
    lab.run(lab.script(2.0))
    lab.run(lab.script(1.0))
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


def test_its_code_is_not_kept_again(lab, night):
    refute(lab, night)
    lab.project.git("reset", "-q", "--keep", night[0])

    for order in ({}, {"again": True}):
        again = lab.run(lab.script(1.0, after=f"# with other words: {order}"), **order)
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


def test_log_and_brief_show_the_states(lab, night):
    refute(lab, night)

    lines = lab.project.ouro("log").stdout.splitlines()
    first, second, *sides = [line for line in lines if line.startswith("20")][:4]
    assert (first.split()[3:5], second.split()[3:5]) == (
        ["keep", "provisional"],
        ["keep", "refuted"],
    )
    assert [line.split()[3] for line in sides] == ["discard", "discard"]
    tables = [json.loads(line) for line in lab.project.ouro("log", "--json").stdout.splitlines()]
    assert [table.get("state") for table in tables][:4] == ["provisional", "refuted", None, None]
    assert tables[1]["state_why"] == "its gain did not show on a fresh pair"

    facts = json.loads(lab.project.ouro("brief", "--json").stdout)
    assert (facts["best"]["commit"], facts["best"]["state"]) == (night[0], "provisional")
    assert [one["state"] for one in facts["tried"]][-2:] == ["refuted", "provisional"]
    assert facts["next"]["step"] == "settle"
    assert facts["next"]["why"].startswith(
        "HEAD is refuted (its gain did not show on a fresh pair)"
    )
    text = lab.project.ouro("brief").stdout
    assert "keep (refuted) improved" in text
    assert f"of {night[0][:7]}, provisional, not HEAD" in text
