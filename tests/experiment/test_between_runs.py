"""No state of journal, ledger and lock prevents the next commit or the next run."""

from dataclasses import replace

import pytest

from tests.experiment.loop import EVALUATE, start_loop


@pytest.fixture
def make_loop(project, tmp_path, ouro, run_pytest):
    repository = replace(project, path=tmp_path / "loop")
    repository.begin()

    def make_loop(check='"metric"', *, budget=20):
        return start_loop(repository, ouro, run_pytest, check, budget)

    return make_loop


#: Breaches of rules about a run: the check, work.py and the budget. Budgets are CPU seconds, so
#: that a short run on a busy machine does not exceed them.
BREACHES = {
    "over-budget": ('"budget-limit"', "while True: pass\nx = 1.0\n", 0.5),
    "not-exact": ('"budget-exact"', "while True: pass\nx = 1.0\n", 0.5),
    "implausible": ('"metric"', "x = 70.0\n", 20),
}


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.tier(1 if name == "implausible" else 2))
        for name in BREACHES
    ]
)
def breached(request, make_loop):
    """A loop whose last run broke a rule about runs, and is HEAD."""
    check, work, budget = BREACHES[request.param]
    loop = make_loop(check, budget=budget)
    loop.write(work=work)
    loop.commits("a breach")
    assert loop.run().startswith("ouro: crash ")
    return loop


def test_a_rule_about_a_run_is_reported_while_its_commit_is_head(breached):
    status, said = breached.gate()

    assert status == 1
    assert "iron-law::about-the-run BROKEN" in said
    assert breached.rules()[0] == 1


def test_a_rule_about_a_run_refuses_no_commit_no_push_and_no_run(breached):
    assert breached.gate("--staged")[0] == 0
    assert breached.gate("--pre-push")[0] == 0

    breached.write(work="x = 1.5\n")
    assert breached.gate()[0] == 0, "what is here has not been run"
    breached.commits("fixed")

    breached.lawful()
    _, said = breached.rules()
    assert "no run recorded of what is here" in said
    assert breached.run().endswith("reason=baseline")
    breached.lawful()


@pytest.mark.tier(2)
def test_an_amended_breach_is_another_commit(breached):
    breached.write(work="x = 1.5\n")
    breached.commits("fixed", "--amend")

    breached.lawful()


@pytest.mark.tier(2)
def test_the_same_commit_may_be_run_again(breached):
    assert breached.run().startswith("ouro: crash ")


@pytest.mark.tier(2)
def test_a_settled_breach_is_reported_in_its_own_session(make_loop):
    loop = make_loop('"metric"')
    assert loop.run().endswith("reason=baseline")
    loop.write(work="x = 70.0\n")
    loop.commits()

    said = loop.here(loop.run_pytest, "--ouro-experiment", "--ouro-settle").stdout.str()

    assert "iron-law::about-the-run BROKEN" in said
    assert "reason=breach" in said
    assert loop.git("show", "-s", "--format=%s") == "bless"
    loop.lawful()


@pytest.mark.tier(2)
def test_a_rule_that_judges_a_run_holds_after_a_good_one(make_loop):
    loop = make_loop()
    loop.run()

    assert loop.gate("--expect", "about-the-run")[0] == 0
    status, said = loop.gate("--staged", "--expect", "about-the-run")
    assert status == 2
    assert "about-the-run (about a run, not about the next commit)" in said


def test_a_row_by_hand_refuses_the_commit_until_it_is_removed(make_loop):
    loop = make_loop()
    loop.run()
    ledger = loop.path / "results.tsv"
    rows = ledger.read_text()
    ledger.write_text(f"{rows}abc1234\t0.100000\t0.0\tkeep\tmine\n")
    loop.write(work="x = 1.5\n")
    loop.git("add", "-A")

    status, said = loop.hooked("commit", "-qm", "an idea")
    assert status == 1
    assert "never-do::skip-logging BROKEN" in said

    ledger.write_text(rows)
    loop.commits()
    loop.lawful()


def keep(loop):
    assert loop.run().endswith("reason=baseline")


def discard(loop):
    keep(loop)
    loop.write(work="x = 3.0\n")
    loop.commits()
    assert loop.run().endswith("reason=worse")


def settled_discard(loop):
    keep(loop)
    loop.write(work="x = 3.0\n")
    loop.commits()
    assert loop.run("--ouro-settle").endswith("reason=worse")


def breach(loop):
    keep(loop)
    loop.write(work="x = 70.0\n")
    loop.commits()
    assert loop.run().endswith("reason=breach")


def crash(loop):
    keep(loop)
    loop.write(work="raise SystemExit(1)\nx = 1.0\n")
    loop.commits()
    assert loop.run().endswith("reason=crash")


def foreign_rows(loop):
    (loop.path / "results.tsv").write_text(
        "commit\tscore\tmemory_gb\tstatus\tdescription\nabc\t9\t1\tbest\tby hand\n"
    )
    keep(loop)


def lost_ledger(loop):
    keep(loop)
    (loop.path / "results.tsv").unlink()


def first_blessing(loop):
    """Runs were recorded under a named commit, before there was a bound.lock."""
    loop.git("rm", "-q", "bound.lock")
    loop.git("commit", "-q", "--no-verify", "-m", "no lock")
    loop.git("config", "ouro.trust", loop.git("rev-parse", "HEAD"))
    keep(loop)
    loop.git("config", "--unset", "ouro.trust")


def journal_moved(loop):
    """A person moved a broken journal away, as its help says."""
    keep(loop)
    journal = loop.path / ".git/ouro/journal.jsonl"
    journal.rename(journal.with_name("old.jsonl"))
    loop.git("update-ref", "-d", "refs/ouro/journal")


STATES = [
    *(keep, discard, settled_discard, breach, crash),
    *(foreign_rows, lost_ledger, first_blessing, journal_moved),
]


def once(loop):
    loop.bless()
    loop.commits("a new evaluation")


def twice(loop):
    loop.bless()
    loop.write(evaluate=f"# once more\n{EVALUATE}")
    once(loop)


def amended(loop):
    once(loop)
    loop.write(evaluate=f"# once more\n{EVALUATE}")
    loop.bless()
    loop.commits("a new evaluation", "--amend")


def in_parts(loop):
    """The lock is committed with the blessed files, and the idea after it."""
    loop.bless()
    loop.git("add", "evaluate.py", "bound.lock")
    status, said = loop.hooked("commit", "-qm", "a new evaluation")
    assert status == 0, said
    loop.commits("an idea")


#: Tier 1 runs two of them, and tier 3 the rest.
WAYS = [
    *((state, once) for state in STATES),
    *((keep, how) for how in (twice, amended, in_parts)),
]
WAYS = [
    pytest.param(*way, marks=pytest.mark.tier(1 if way in ((keep, once), (keep, in_parts)) else 3))
    for way in WAYS
]


@pytest.mark.parametrize(("state", "how"), WAYS)
def test_a_blessing_can_be_committed(make_loop, state, how):
    loop = make_loop()
    state(loop)
    loop.write(evaluate=f"# better words\n{EVALUATE}", work="x = 2.5\n")

    how(loop)

    loop.lawful()
    assert loop.run().endswith("reason=baseline")
    assert loop.gate()[0] == 0


@pytest.mark.tier(2)
def test_a_blessing_can_be_committed_in_a_linked_worktree(make_loop):
    loop = make_loop()
    keep(loop)
    loop.git("worktree", "add", "-q", str(loop.path.parent / "linked"), "-b", "other")
    linked = replace(loop, path=loop.path.parent / "linked")
    linked.run()
    linked.write(evaluate=f"# better words\n{EVALUATE}")
    linked.bless()

    linked.commits("a new evaluation")

    linked.lawful()
    loop.lawful()
    keep(linked)


@pytest.mark.parametrize("named", [False, pytest.param(True, marks=pytest.mark.tier(2))])
def test_a_new_baseline_is_started_on_equal_content(make_loop, named):
    loop = make_loop()
    keep(loop)
    loop.write(work="x = 1.5\n")
    loop.commits()
    loop.bless("--new-baseline")
    head = loop.commits("a new baseline")
    if named:
        loop.git("config", "ouro.trust", head)

    said = loop.here(loop.run_pytest, "--ouro-experiment").stdout.str()

    assert "reason=baseline" in said
    assert "they differ in baseline of bound.lock (none → " in said
    loop.lawful()
    loop.write(work="x = 1.25\n")
    loop.commits()
    assert loop.run().endswith("reason=improved")


@pytest.mark.tier(2)
def test_runs_are_compared_across_a_blessing_of_equal_content(make_loop):
    loop = make_loop()
    keep(loop)
    loop.bless()
    loop.commits("blessed again")
    loop.write(work="x = 1.5\n")
    loop.commits()

    assert loop.run().endswith("reason=improved")


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("name", ["bound.toml", "evaluate.py"])
def test_a_file_that_was_edited_before_its_blessing_was_committed(make_loop, name):
    """No commit has the blessed bytes then, so that no checkout heals."""
    loop = make_loop()
    loop.bless()
    (loop.path / name).write_text(f"{(loop.path / name).read_text()}# edited\n")
    loop.git("add", "-A")
    loop.hooked("commit", "-q", "--no-verify", "-m", "a blessing, and an edit")

    status, said = loop.gate()

    assert status != 0
    assert "a person may" in said
    assert said.partition("help: ")[2].splitlines()[0].endswith(": pytest-ouro bless")
    assert "git checkout" not in said
    loop.bless()
    loop.commits("bless")
    loop.lawful()


@pytest.mark.tier(2)
def test_a_blessing_beside_a_named_trust_says_how_it_comes_to_count(make_loop):
    loop = make_loop()
    keep(loop)
    loop.git("config", "ouro.trust", loop.git("rev-parse", "HEAD"))
    loop.write(evaluate=f"# better words\n{EVALUATE}")

    _, said, _ = loop.here(loop.ouro, "bless")
    assert "git config --unset ouro.trust" in said
    loop.git("add", "-A")
    assert loop.hooked("commit", "-qm", "a new evaluation")[0] == 1

    loop.git("config", "--unset", "ouro.trust")
    head = loop.commits("a new evaluation")
    loop.git("config", "ouro.trust", head)
    loop.lawful()
    keep(loop)
