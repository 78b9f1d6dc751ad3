"""``pytest-ouro log``: what is shown of which runs, in which form."""

import csv
import io
import json

import pytest


@pytest.fixture
def night(project, recorded):
    """A baseline, a better run and a worse one on main, and a keep with another metric on ideas."""
    base = project.commit("the baseline", {"train.py": "MODEL = 2\n"})
    recorded("keep", 2.0, reason="baseline", level="judged")
    better = project.commit("=HYPERLINK(1), a \x1b[31mred\u202e 模型", {"train.py": "MODEL = 1\n"})
    recorded("keep", 1.5, gain=0.5, best_commit=base, time="2025-01-01T01:00:00+00:00")
    project.commit("worse", {"train.py": "MODEL = 3\n"})
    recorded("discard", 2.5, gain=-1.0, best_commit=better, time="2025-01-01T02:00:00+00:00")
    project.git("switch", "-q", "-c", "ideas")
    recorded("keep", 9.0, metric="acc", time="2025-01-01T03:00:00+00:00", row="")
    return project


def rows(out):
    return out.splitlines()[1:]


def test_the_table_shows_gain_reference_and_state(night, ouro):
    status, out, err = ouro("log", "--metric", "val_bpb")

    assert (status, err) == (0, "ouro: 3 of 4 runs\n")
    head, baseline, better, worse = out.splitlines()
    assert head.split() == [
        *("time", "commit", "val_bpb", "gain", "against", "status", "state", "level", "reason"),
        "description",
    ]
    assert "keep     provisional  judged  baseline" in baseline
    assert f"+0.500000  {baseline.split()[1]}  keep" in better
    assert "-1.000000" in worse
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_columns_that_tell_runs_apart(night, ouro):
    _, out, _ = ouro("log")

    assert out.splitlines()[0].split()[2:4] == ["metric", "value"]
    assert "branch" in out.splitlines()[0].split()
    assert "device" not in out.splitlines()[0].split()
    assert len(rows(out)) == 4


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--kept"], 3),
        (["--branch", "ideas"], 1),
        (["--branch", "main", "--kept"], 2),
        (["--since", "2025-01-01T01:00Z"], 3),
        (["--since", "1h"], 0),
        (["--metric", "acc"], 1),
    ],
)
def test_filters_work_in_every_form(night, ouro, options, count):
    _, table, err = ouro("log", *options)
    _, tsv, _ = ouro("log", "--tsv", *options)
    _, listed, _ = ouro("log", "--json", *options)
    _, sheet, _ = ouro("log", "--csv", *options)

    assert len(rows(table)) == count
    assert err == f"ouro: {count} of 4 runs\n"
    assert len(rows(tsv)) == count
    assert len(listed.splitlines()) == count
    assert len(list(csv.reader(io.StringIO(sheet)))) == count + 1


def test_csv_has_all_digits_and_no_formula(night, ouro):
    _, out, _ = ouro("log", "--csv")

    found = list(csv.DictReader(io.StringIO(out, newline="")))
    assert out.count("\r\n") == 5
    assert found[1]["description"] == "'=HYPERLINK(1), a \\x1b[31mred\\u202e 模型"
    assert (found[1]["value"], found[1]["gain"], found[1]["state"]) == ("1.5", "0.5", "provisional")
    assert found[2]["gain"] == "-1.0"
    assert found[0]["gain"] == ""
    assert found[3]["metric_name"] == "acc"


def test_json_is_the_record_with_its_state(night, ouro):
    _, out, _ = ouro("log", "--json", "--kept", "--branch", "ideas")

    assert json.loads(out)["val_bpb"] == 9.0
    assert json.loads(out)["state"] == "provisional"


@pytest.mark.parametrize(
    ("options", "message", "help"),
    [
        (["--branch", "idea"], "with the branch 'idea'; did you mean 'ideas'?", "ideas, main"),
        (["--metric", "loss"], "with the metric 'loss'", "these are recorded: acc, val_bpb"),
        (["--since", "then"], "not 'then'", "--since 2h"),
        (["--prune", "3", "--kept"], "--prune is about all runs", "log --prune 30"),
        (["--restore", "--branch", "main"], "--restore is about all runs", "log --restore"),
    ],
)
def test_bad_values_are_refused_with_a_way_out(night, ouro, options, message, help):
    status, out, err = ouro("log", *options)

    assert (status, out) == (2, "")
    assert message in err
    assert f"help: {help}" in err or help in err.splitlines()[-1]


def test_a_terminal_gets_what_it_has_room_for(night, ouro, monkeypatch):
    monkeypatch.setattr("pytest_ouro.cli.log.terminal_width", lambda: 70)

    _, out, err = ouro("log")

    assert max(map(len, out.splitlines())) <= 70
    assert (
        err == "ouro: no room for level, against, branch, reason: pytest-ouro log --csv has all\n"
    )


def test_sums_are_those_of_all_runs(project, recorded, ouro):
    base = project.commit("the baseline", {"train.py": "MODEL = 2\n"})
    recorded("keep", 2.0, reason="baseline")
    project.commit("better", {"train.py": "MODEL = 1\n"})
    recorded("keep", 1.5, gain=0.5, best_commit=base)

    assert "2 kept: 2.000000 to 1.500000" in ouro("log")[1]
    assert "2 kept: 2.000000 to 1.500000" not in ouro("log", "--kept")[1]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_text_of_csv_is_a_formula(project, recorded, ouro, sign):
    recorded("keep", 2.0, description=f"{sign}cmd()", branch=f"a{sign}b")

    (row,) = csv.DictReader(io.StringIO(ouro("log", "--csv")[1], newline=""))

    assert (row["description"], row["branch"]) == (f"'{sign}cmd()", f"a{sign}b")
