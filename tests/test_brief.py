"""``pytest-ouro brief``: what an agent needs to go on where it was, and no more."""

import hashlib
import json
import os

import pytest

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records import anchor, record_format
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.report import brief as rendered

RUN = "pytest --ouro-experiment --ouro-settle -q"
#: What a record holds and no brief may show: see `standing`.
SECRETS = {
    "evaluated": {"answers": "held-back-1"},
    "claims": {"answers": "held-back-2"},
    "judgment": {"answers": "held-back-3"},
    "generators": {"torch": "held-back-4"},
    "caught": ["held-back-5"],
    "salt": 8642097531,
    "row": "held-back-6",
}


@pytest.fixture
def brief(ouro):
    """``brief()``: the facts that ``brief --json`` prints."""

    def brief():
        status, out, err = ouro("brief", "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    return brief


@pytest.fixture
def try_it(project, recorded):
    """``try_it(2.5, "discard")``: commit a model, record its run, and settle it; the commit."""

    def try_it(value, status="keep", *, settle=True, **facts):
        commit = project.commit(f"model {value}", {"train.py": f"MODEL = {value}\n"})
        entry = project.git("ls-tree", "HEAD", "train.py").split()[2]
        recorded(status, value, code={"train.py": entry}, **facts)
        if settle and status != "keep":
            project.git("reset", "-q", "--hard", "HEAD~1")
        return commit

    return try_it


def test_before_the_first_run_it_says_how_to_make_the_baseline(project, brief, ouro):
    facts = brief()

    assert facts["best"] is None
    assert facts["gate"] == {"open": True, "faults": []}
    assert facts["next"]["step"] == "run"
    assert facts["next"]["commands"] == [RUN]
    _, out, _ = ouro("brief")
    assert "best: nothing is kept yet (main at " in out
    assert f"  {RUN}\n" in out
    assert "--ouro-repeat 3 runs one commit three times" in out


def test_it_says_what_was_tried_on_what_and_why_it_was_not_kept(brief, try_it, ouro):
    kept = try_it(2.0)
    worse = try_it(2.5, "discard", best=2.0, best_commit=kept, gain=-0.5, margin=0.02)
    crashed = try_it(9.9, "crash", message="train.py raised ValueError: no at train.py:3",
                     best_commit=kept)  # fmt: skip

    facts = brief()

    assert [one["commit"] for one in facts["tried"]] == [crashed, worse, kept]
    assert [one["on"] for one in facts["tried"]] == [kept, kept, None]
    assert facts["tried"][0]["why"] == "train.py raised ValueError: no at train.py:3"
    assert facts["tried"][1]["why"] == f"0.500000 worse than 2.000000 of {kept[:7]}"
    assert (facts["best"]["commit"], facts["best"]["value"]) == (kept, 2.0)
    assert facts["best"]["is_head"]
    assert facts["count"] == {"runs": 3, "keep": 1, "discard": 1, "crash": 1}
    assert facts["next"]["step"] == "edit"
    _, out, _ = ouro("brief")
    assert f'{worse[:7]} {kept[:7]} discard worse 2.500000  "model 2.5": 0.500000 worse' in out


def test_the_next_step_is_to_return_to_the_last_keep(project, brief, try_it):
    kept = try_it(2.0)
    try_it(2.5, "discard", settle=False)

    assert brief()["next"]["commands"] == [f"git reset --keep {kept[:7]}"]

    project.edit("train.py", "2.5", "1.5")
    assert brief()["next"]["commands"] == ["git stash", f"git reset --keep {kept[:7]}",
                                           "git stash pop"]  # fmt: skip


def test_a_keep_that_another_working_tree_ran_and_that_fell_is_left(
    project, brief, try_it, recorded
):
    kept = try_it(2.0, worktree="other")
    fallen = try_it(1.5, best=2.0, best_commit=kept, gain=0.5, worktree="other")
    entry = project.git("ls-tree", "HEAD", "train.py").split()[2]
    facts = {"reason": "breach", "outcome": "breach", "caught": ["a write"], "worktree": "other"}
    recorded("crash", 1.5, code={"train.py": entry}, **facts)

    facts = brief()

    assert facts["best"]["commit"] == kept
    assert facts["head"] == fallen
    assert (facts["next"]["step"], facts["next"]["commands"]) == (
        *("settle", [f"git reset --keep {kept[:7]}"]),
    )
    assert facts["next"]["why"].startswith("HEAD is void (its code was a breach")


def test_the_name_of_a_new_file_in_the_index_is_not_in_the_way(project, brief, try_it):
    project.edit("bound.toml", '["train.py"]', '["train.py", "model.py"]')
    project.bless()
    kept = try_it(2.0)
    try_it(2.5, "discard", settle=False)
    project.write({"model.py": "x = 1\n"})
    project.git("add", "-N", "model.py")

    commands = brief()["next"]["commands"]

    assert commands[0] == "git add -- model.py"
    for command in commands:
        project.git(*command.split()[1:])
    assert project.git("rev-parse", "HEAD") == kept
    assert (project.path / "model.py").read_text() == "x = 1\n"


def test_after_an_interrupted_run_the_same_commit_is_run_again(brief, try_it):
    try_it(2.0)
    try_it(2.5, "crash", settle=False, reason="interrupted", outcome="interrupted")

    facts = brief()

    assert (facts["next"]["step"], facts["next"]["commands"]) == ("run", [RUN])
    assert not facts["best"]["is_head"]


def test_changes_that_are_not_committed_are_committed_first(project, brief, try_it):
    try_it(2.0)
    project.edit("train.py", "2.0", "1.0")

    facts = brief()

    assert facts["not_committed"] == ["train.py"]
    assert facts["gate"]["open"]
    assert facts["next"]["commands"] == ['git commit -m "what you try" -- train.py', RUN]


def test_a_crash_before_anything_is_kept_is_fixed(brief, try_it):
    try_it(2.0, "crash", settle=False, reason="crash")

    facts = brief()

    assert facts["next"]["step"] == "edit"
    assert "nothing is kept yet: fix it" in facts["next"]["why"]


def test_a_closed_gate_names_the_rule_and_its_help(project, brief, ouro):
    project.commit("no", {"prepare.py": "broken\n"})

    facts = brief()

    assert not facts["gate"]["open"]
    assert facts["gate"]["faults"][0]["rule"] == "danger-zone::prepare"
    assert facts["next"]["step"] == "fix"
    assert facts["next"]["help"] == facts["gate"]["faults"][0]["help"]
    status, out, _ = ouro("brief")
    assert status == 0
    assert "gate: closed\n  danger-zone::prepare: prepare.py changed" in out


def test_a_blessing_that_is_not_committed_is_said(project, brief):
    project.edit("bound.toml", "timeout   = 20", "timeout   = 21")
    project.ouro("bless")

    assert "git add bound.lock" in brief()["next"]["help"]


def test_a_run_that_goes_on_is_waited_for(project, brief, try_it):
    try_it(2.0)
    facts = {"event": "started", "run": "0123456789ab", "time": "2025-01-01T00:00:00",
             "commit": "a" * 40, "worktree": ""}  # fmt: skip
    own = {"pid": os.getpid(), "process": processes.identity(os.getpid())}
    Journal(project.path / ".git").append(record_format.from_json({**facts, **own}))

    assert brief()["next"]["step"] == "wait"


def test_guards_have_their_limits_and_what_the_best_has(project, brief, try_it):
    guard = '\n[[guard]]\nid = "memory"\nrule = "Small."\nmetric = "peak-memory"\nat-most = 100\n'
    of = guard.replace("memory", "size", 1).replace("peak-memory", "code-size").replace(
        "at-most = 100", 'at-most = 2\nof = "baseline"')  # fmt: skip
    bound = (project.path / "bound.toml").read_text()
    project.write({"bound.toml": bound + guard + of})
    project.bless()
    assert [one["limit"] for one in brief()["guards"]] == [100, None]

    try_it(2.0, peak_mb=40.0)

    assert [(one["id"], one["at"], one["limit"], one["best_has"]) for one in brief()["guards"]] == [
        ("memory", "most", 100, 40.0),
        ("size", "most", 200, 100),
    ]


def test_what_is_held_back_is_not_shown(brief, try_it, ouro):
    kept = try_it(2.0, **SECRETS)
    try_it(2.5, "discard", best=2.0, best_commit=kept, gain=-0.5, **SECRETS)

    shown = json.dumps(brief()) + ouro("brief")[1]

    assert "held-back" not in shown
    assert "8642097531" not in shown


def test_control_characters_and_long_words_are_cut(project, brief, recorded, ouro):
    project.commit("words " * 200 + "\x1b[31m\u202e", {"train.py": "MODEL = 1\n"})
    recorded("crash", message="no\x1b[2J " * 300)

    [one] = brief()["tried"]

    assert len(one["description"]) <= 72
    assert len(one["why"]) <= 150
    assert "\x1b" not in ouro("brief")[1]


def many(project, count):
    """Write a journal with this many runs, whose texts are long, at once."""
    journal = Journal(project.path / ".git")
    journal.folder.mkdir()
    lines, prev, head = [], "", project.git("rev-parse", "HEAD")
    trust = project.git("rev-list", "-1", "HEAD", "--", "bound.lock")
    for number in range(2 * count):
        run, status = number // 2, ("keep", "discard", "crash")[number // 2 % 3]
        facts = {
            "event": ("started", "finished")[number % 2],
            "run": f"{run:012x}",
            "time": "2025-01-01T00:00:00+00:00",
            "commit": head if run % 7 == 0 else f"{run:040x}",
            "description": f"try {run}: " + "a long title éü☃ " * 20,
            "trust": trust,
            "metric": "val_bpb",
            "worktree": "",
            "branch": "main",
            "seq": number + 1,
            "prev": prev,
        }
        if number % 2:
            value = None if status == "crash" else 2.0
            facts |= {
                "status": status,
                "reason": {"keep": "baseline", "discard": "worse"}.get(status, "crash"),
                "outcome": "crash" if status == "crash" else "ok",
                "val_bpb": value,
                "value": value,
                "message": "no\u2603 " * 100 if status == "crash" else "",
                "row": "",
            }
        record = record_format.from_json(facts)
        line = record_format.write(replace(record, version=3))
        lines.append(line)
        prev = hashlib.sha256(line).hexdigest()
    anchor.write(journal.common_dir, lines, "")
    journal.path.write_bytes(b"".join(line + b"\n" for line in lines))


@pytest.mark.tier(2)
def test_a_thousand_runs_fit_into_a_context_window(project, ouro):
    many(project, 1000)

    status, text, err = ouro("brief")
    assert (status, err) == (0, "")
    assert len(text.encode()) <= rendered.TEXT + 1
    assert "runs: 1000 (334 keep, 333 discard, 333 crash)" in text
    assert "older: pytest-ouro log" in text
    assert "next: " in text
    status, out, _ = ouro("brief", "--json")
    assert len(out.encode()) <= rendered.JSON + 1
    facts = json.loads(out)
    assert facts["left_out"] + len(facts["tried"]) == 1000
    assert len(facts["tried"]) >= 20
    assert facts["tried"][0]["description"].startswith("try 999: ")


def test_a_damaged_journal_is_an_error_with_its_help(project, ouro):
    (project.path / ".git/ouro").mkdir()
    (project.path / ".git/ouro/journal.jsonl").write_text("[]\n")

    status, out, err = ouro("brief")

    assert (status, out) == (2, "")
    assert "journal.jsonl:1: not a record of a run" in err
    assert "  help: " in err
