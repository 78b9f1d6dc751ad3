"""Verdicts applied to the branch: no keep is dropped, no tried commit is lost."""

import csv

import pytest


@pytest.fixture
def loop(lab):
    """``loop(script)``: run a script with ``--ouro-settle``, and return the Result."""

    def run(value, **order):
        return lab.run(lab.script(value), settle=True, **order)

    return run


def head(lab):
    return lab.project.git("rev-parse", "HEAD")


def test_a_loop_ends_on_its_best_commit(lab, loop):
    baseline, better, worse = loop(2.0), loop(1.5), loop(3.0)
    assert [r.status for r in (baseline, better, worse)] == ["keep", "keep", "discard"]
    assert head(lab) == better.commit
    assert lab.project.git("status", "--porcelain") == ""
    assert lab.project.git("rev-parse", worse.record["tried"]) == worse.commit
    assert f"is back at {better.commit[:7]}" in worse.settlement[-1]
    with (lab.path / "results.tsv").open(newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert [row["status"] for row in rows] == ["keep", "keep", "discard"]
    assert [float(row["val_bpb"]) for row in rows] == [2.0, 1.5, 3.0]


def test_the_rules_hold_after_a_settled_discard(lab, loop):
    loop(2.0)
    loop(3.0)
    done = lab.project.ouro("gate")
    assert done.returncode == 0, done.stdout


def test_a_crash_returns_to_the_best_too(lab, loop):
    baseline = loop(2.0)
    crashed = lab.run(lab.script(1.0, before="raise SystemExit(3)"), settle=True)
    assert crashed.status == "crash"
    assert head(lab) == baseline.commit


def test_without_the_option_the_command_is_printed(lab):
    baseline = lab.run(lab.script(2.0))
    worse = lab.run(lab.script(3.0))
    assert head(lab) == worse.commit
    [text] = worse.settlement
    assert f"git reset --keep {baseline.commit[:7]}" in text
    assert worse.record["tried"] in text


def test_a_crash_before_anything_was_kept_says_so(lab):
    crashed = lab.run(lab.script(1.0, before="raise SystemExit(3)"), settle=True)
    assert "nothing is kept" in crashed.settlement[0]


def test_a_repeat_moves_nothing(lab, loop):
    baseline = loop(2.0)
    again = lab.run(settle=True)
    assert (again.status, again.settlement) == ("discard", ())
    assert head(lab) == baseline.commit


def test_a_rehearsal_moves_nothing_and_says_so(lab, loop):
    loop(2.0)
    rehearsed = loop(3.0, budget=0.1)
    assert rehearsed.settlement == ("ouro: not settled: a rehearsal decides nothing",)
    assert head(lab) == rehearsed.commit
    assert lab.run(budget=0.1).settlement == ()


def test_a_detached_head_is_left_alone(lab, loop):
    loop(2.0)
    lab.project.git("checkout", "-q", "--detach")
    worse = loop(3.0)
    assert worse.status == "discard"
    assert head(lab) == worse.commit
    assert "HEAD is detached" in worse.settlement[0]
    assert "git reset --keep" in worse.settlement[1]


def test_the_trusted_branch_is_left_alone(lab, loop):
    lab.project.git("config", "ouro.trust", "main")
    loop(2.0)
    worse = loop(3.0)
    assert head(lab) == worse.commit
    assert "the trusted branch itself" in worse.settlement[0]


def test_a_branch_that_moved_during_the_run_is_left_alone(lab, loop):
    loop(2.0)
    commit = ["git", "-C", str(lab.path), "commit", "-q", "--allow-empty", "-m", "x"]
    moves = f"import subprocess\nsubprocess.run({commit!r}, check=True)"
    lab.project.git("config", "user.name", "Test")
    lab.project.git("config", "user.email", "test@example.org")
    worse = lab.run(lab.script(3.0, before=moves), settle=True)
    assert worse.status in ("discard", "crash")
    assert head(lab) != worse.commit
    assert "moved during the run" in worse.settlement[0]


def test_uncommitted_work_is_never_lost(lab, loop):
    """A file outside the experiment's folder may have changes when a run starts."""
    lab.project.write({"notes.md": "one\n"})
    lab.bound(('check = "scope"', 'check = "scope"\nwithin = "src"'), **{"src/code.txt": ""})
    loop(2.0)
    lab.project.write({"notes.md": "two\n"})
    lab.project.write({"train.py": lab.script(3.0)})
    lab.project.git("commit", "-q", "-m", "an idea", "--", "train.py")
    worse = lab.run(settle=True)
    assert worse.status == "discard"
    assert head(lab) == worse.commit
    assert "notes.md has changes that are not committed" in worse.settlement[0]
    assert (lab.path / "notes.md").read_text() == "two\n"


def test_a_commit_of_other_files_is_not_dropped(lab, loop):
    lab.bound(('check = "scope"', 'check = "scope"\nwithin = "src"'), **{"src/code.txt": ""})
    loop(2.0)
    notes = lab.project.commit("a person's notes", {"notes.md": "kept\n"})
    loop(3.0)
    assert head(lab) == notes
    lab.commit(lab.script(2.5))
    lab.project.commit("more notes", {"notes.md": "kept too\n"})
    worse = loop(3.5)
    assert head(lab) == worse.commit
    assert "would be lost too" in worse.settlement[0]


def test_a_change_of_seeds_alone_is_never_kept(lab, loop):
    loop(
        2.0,
    )
    lucky = lab.run(lab.script(2.0).replace("(2.0)", "(2.0)  # same"), settle=True)
    assert lucky.reason == "unchanged"
    first = lab.run("seed = 1\n" + lab.script(1.9), settle=True)
    assert first.reason == "improved"
    second = lab.run("seed = 2\n" + lab.script(1.9), settle=True)
    assert (second.status, second.reason) == ("discard", "seed-only")


def test_a_blessing_after_the_last_keep_stays(lab, loop):
    loop(2.0)
    lab.bound(("timeout   = 20", "timeout   = 21"))
    blessed = head(lab)

    worse = loop(3.0)

    assert worse.status == "discard"
    assert head(lab) == blessed
    assert f"is back at {blessed[:7]}" in worse.settlement[-1]
    assert lab.project.ouro("gate").returncode == 0


def test_a_blessing_that_is_run_itself_stays_too(lab, loop):
    lab.bound(('id    = "log-every', f'{SETTLED}[[iron-law]]\nid    = "log-every'))
    loop(2.0)
    lab.bound(("timeout   = 20", "timeout   = 21"))
    blessed = head(lab)
    again = lab.run(settle=True)
    assert (again.reason, again.settlement) == ("unchanged", ())
    assert head(lab) == blessed

    worse = loop(3.0)

    assert worse.status == "discard", worse
    assert head(lab) == blessed
    assert lab.project.ouro("gate").returncode == 0


SETTLED = 'id = "settled"\nrule = "Improvements stay."\ncheck = "settled"\n\n'
