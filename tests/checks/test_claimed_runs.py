"""Rules about runs, judged from a ledger that is written by hand, before the first recorded run."""

import json

import pytest

from pytest_ouro.checks._claims.metric import _Values
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.evidence import CLAIMS

LOGGED = "never-do::skip-logging"
SCHEMA = "iron-law::log-every-experiment"
SETTLED = "iron-law::keep-or-revert"
METRIC = "iron-law::val-bpb-only"
SIMPLE = "iron-law::simplicity"
LIMIT = "never-do::exceed-budget"
EXACT = "iron-law::exact-budget"
ALL = (LOGGED, SCHEMA, SETTLED, METRIC, SIMPLE, LIMIT, EXACT)
HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
pytestmark = pytest.mark.usefixtures("laws")


@pytest.fixture
def tried(project):
    """``tried("wider", "keep", 1.7)``: commit a change of train.py, and log it by hand."""
    path = project.path / "results.tsv"

    def tried(
        words, status, value, *, line="", text="{hash}\t{value:.6f}\t1.0\t{status}\t{words}\n"
    ):
        train = project.path / "train.py"
        train.write_text(train.read_text() + (line or f"# {words}\n"))
        commit = project.commit(words)
        row = text.format(hash=commit[:7], value=value, status=status, words=words)
        path.write_text((path.read_text() if path.exists() else HEADER) + row)
        return commit

    return tried


def log(project, seconds, value):
    (project.path / "run.log").write_text(
        f"step 1\ntraining_seconds: {seconds}\nval_bpb: {value}\n"
    )


def test_an_honest_night_by_hand_holds_and_says_that_it_is_claimed(project, tried, judged):
    tried("wider", "keep", 1.9)
    tried("rate", "keep", 1.8)
    tried("deeper", "discard", 1.85)
    project.git("reset", "-q", "--hard", "HEAD~1")
    log(project, 300.2, "1.850000")

    for rule in ALL:
        result = judged(rule)
        assert (result.status, result.claimed) == ("holds", True), result


def test_a_row_that_cannot_be_read_breaks_the_schema(project, tried, judged):
    tried("wider", "keep", 1.9)
    with (project.path / "results.tsv").open("a") as ledger:
        ledger.write("it went well\n")

    result = judged(SCHEMA)

    assert result.status == "broken"
    assert result.findings[0].where == "claimed, results.tsv: line 3"


def test_a_keep_that_is_not_better_breaks_the_metric(tried, judged):
    tried("wider", "keep", 1.7)
    tried("rate", "keep", 1.9)

    result = judged(METRIC)

    assert (result.status, result.claimed) == ("broken", True)
    assert "worse than the one kept before" in result.findings[0].headline


def test_an_experiment_without_a_row_breaks_logging(project, tried, judged):
    tried("wider", "keep", 1.9)
    project.edit("train.py", "# wider\n", "# wide\n")
    forgotten = project.commit("another idea")
    tried("rate", "keep", 1.8)

    result = judged(LOGGED)

    assert result.status == "broken"
    assert forgotten[:7] in result.findings[0].where


def test_the_newest_commit_may_wait_for_its_row(project, tried, judged):
    tried("wider", "keep", 1.9)
    project.edit("train.py", "# wider\n", "# wide\n")
    project.commit("another idea")

    assert judged(LOGGED).status == "holds"


def test_a_commit_that_the_next_one_repairs_needs_no_row(project, tried, judged):
    tried("wider", "keep", 1.9)
    project.edit("train.py", "# wider\n", "# wide(\n")
    project.commit("another idea")
    tried("fix the bracket of the idea", "keep", 1.8)

    assert judged(LOGGED).status == "holds"


@pytest.mark.parametrize("rewrite", [("--amend", "-m", "other words"), ("--amend", "--no-edit")])
def test_a_commit_that_was_rewritten_after_its_row_is_the_one_that_was_measured(
    project, tried, judged, rewrite
):
    tried("wider", "keep", 1.9)
    tried("rate", "keep", 1.8)
    project.git("commit", "-q", *rewrite, "--date", "2001-02-03T04:05:06")
    tried("deeper", "keep", 1.7)

    for rule in ALL:
        assert (judged(rule).status, judged(rule).claimed) == ("holds", True)


def test_rewritten_code_is_not_the_one_that_was_measured(project, tried, judged):
    tried("wider", "keep", 1.9)
    tried("rate", "keep", 1.8)
    project.edit("train.py", "# rate\n", "# another rate\n")
    project.git("commit", "-q", "--amend", "--no-edit", "train.py")
    tried("deeper", "keep", 1.7)

    assert judged(LOGGED).status == "broken"


def test_the_help_about_a_missing_row_heals(project, tried, judged):
    tried("wider", "keep", 1.9)
    forgotten = tried("half of an idea", "keep", 1.8)
    path = project.path / "results.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    tried("rate", "keep", 1.7)
    assert judged(LOGGED).findings[0].help.endswith("is a crash")

    with path.open("a") as ledger:
        ledger.write(f"{forgotten[:7]}\t0.000000\t0.0\tcrash\thalf of an idea\n")

    assert judged(LOGGED).status == "holds"


def test_a_commit_may_be_that_of_a_kept_row_whose_hash_is_gone(project, tried, judged):
    tried("wider", "keep", 1.9)
    tried("rate", "keep", 1.8, text="0badc0d\t{value:.6f}\t1.0\t{status}\tquite another text\n")
    tried("deeper", "keep", 1.7)

    assert judged(LOGGED).status == "warned"


def test_a_worse_keep_is_not_excused_by_what_was_built_on_it(project, tried, judged):
    tried("wider", "keep", 1.7)
    bad = tried("rate", "keep", 1.9, line="RATE_OF_THE_TRIED_MODEL = 9\n")
    tried("deeper", "keep", 1.8)
    found = judged(METRIC)
    assert found.status == "broken"

    path = project.path / "results.tsv"
    path.write_text(path.read_text().replace("1.900000\t1.0\tkeep", "1.900000\t1.0\tdiscard"))
    assert f"git revert {bad[:7]};" in found.findings[0].help
    project.git("revert", "--no-edit", "-Xtheirs", bad)
    path.write_text(path.read_text().replace("1.800000\t1.0\tkeep", "1.800000\t1.0\tdiscard"))

    assert judged(METRIC).status == "holds"


def test_a_keep_need_not_be_better_than_one_of_another_branch(project, tried, judged):
    start = project.git("rev-parse", "HEAD")
    tried("wider", "keep", 1.7)
    project.git("checkout", "-q", "-b", "second-night", start)
    tried("rate", "keep", 1.9)

    assert judged(METRIC).status == "warned"


def test_a_kept_commit_may_be_measured_again(project, tried, judged):
    kept = tried("wider", "keep", 1.7)
    with (project.path / "results.tsv").open("a") as ledger:
        ledger.write(f"{kept[:7]}\t1.900000\t1.0\tkeep\tthe start of tonight\n")

    assert judged(METRIC).status == "warned"


def test_a_keep_without_a_number_breaks_the_metric(tried, judged):
    tried("wider", "keep", 1.9)
    tried("rate", "keep", 1.8, text="{hash}\t\t1.0\t{status}\t{words}\n")

    assert "it has no number" in judged(METRIC).findings[0].headline


def test_a_discard_below_a_keep_breaks_settling_and_its_help_heals(project, tried, judged):
    tried("wider", "keep", 1.9)
    tried("deeper", "discard", 2.5, line="DEPTH_OF_THE_TRIED_MODEL = 99\n")
    tried("rate", "keep", 1.8)

    result = judged(SETTLED)
    assert (result.status, result.claimed) == ("broken", True)

    command = result.findings[0].help.removeprefix("take it out: ").split(";")[0]
    project.git(*command.split()[1:], "--no-edit", "-Xtheirs")
    assert judged(SETTLED).status == "holds"


def test_a_tie_with_more_code_breaks_simplicity(tried, judged):
    tried("wider", "keep", 1.9)
    tried("deeper", "keep", 1.9)

    result = judged(SIMPLE)

    assert result.status == "broken"
    assert "bytes of code" in result.findings[0].headline


def test_the_size_of_claimed_code_is_counted_in_bytes(tried, judged):
    tried("wider", "keep", 1.9)
    tried("deeper", "keep", 1.9, line="# é\n")

    assert "with 3 more bytes of code" in judged(SIMPLE).findings[0].headline


@pytest.mark.parametrize(
    ("seconds", "rules"), [(900.0, {LIMIT, EXACT}), (5.0, {EXACT})], ids=["long", "short"]
)
def test_a_log_of_a_run_off_its_budget_breaks_the_budget_rules(
    project, tried, judged, seconds, rules
):
    tried("wider", "keep", 1.9)
    log(project, seconds, "1.900000")

    assert {rule for rule in (LIMIT, EXACT) if judged(rule).status == "broken"} == rules


def test_a_log_of_no_row_only_warns(project, tried, judged):
    tried("wider", "keep", 1.9)
    log(project, 900.0, "1.234567")

    assert judged(LIMIT).status == "warned"


def test_rows_from_before_trust_only_warn(project, tried, judged):
    old = project.git("rev-parse", "HEAD")
    (project.path / "results.tsv").write_text(
        HEADER + f"it went well\n{old[:7]}\t1.800000\t1.0\tkeep\tbaseline\n"
    )
    assert judged(SCHEMA).status == "skipped"  # nothing was logged by hand since

    tried("wider", "keep", 1.7)

    assert judged(SCHEMA).status == "warned"
    assert judged(METRIC).status == "holds"


def test_only_measured_runs_count_where_the_bound_says_so(project, restate, tried, judged):
    restate("[experiment]\n", '[experiment]\nruns = "measured"\n')
    tried("wider", "keep", 1.9)

    result = judged(LOGGED)

    assert (result.status, result.claimed) == ("broken", False)
    assert "no run was recorded for a row" in result.findings[0].headline
    assert judged(METRIC).status == "skipped"


def test_with_recorded_runs_rows_by_hand_are_strays_unless_claims_count(
    project, restate, recorded, tried, judged
):
    recorded("keep", 2.0)
    tried("wider", "keep", 1.9)
    assert judged(LOGGED).status == "broken"

    restate("[experiment]\n", '[experiment]\nruns = "claimed"\n')
    tried("rate", "keep", 1.8)
    result = judged(LOGGED)

    assert (result.status, result.claimed) == ("holds", True)


@pytest.mark.parametrize(
    ("values", "own", "rest"),
    [
        ([1.0, 2.0, 3.0], 1.0, (2.0, 3.0)),
        ([1.0, 2.0, 3.0], 3.0, (1.0, 2.0)),
        ([1.0, 1.0, 3.0], 1.0, (1.0, 3.0)),
        ([1.0, 2.0], 0.0, (1.0, 2.0)),
        ([1.0, 2.0], 2.0, None),
    ],
)
def test_the_other_values_of_a_row_are_found_without_reading_all_again(values, own, rest):
    assert _Values(values, False).without(own) == rest


def test_a_night_of_discards_alone_is_judged(project, tried, judged):
    for words, value in (("wider", 1.95), ("deeper", 1.96)):
        tried(words, "discard", value)
        project.git("reset", "-q", "--hard", "HEAD~1")
    log(project, 900.0, "1.960000")

    assert judged(LIMIT).status == "broken"
    assert judged(SETTLED).status == "holds"

    with (project.path / "results.tsv").open("a") as ledger:
        ledger.write("it went well\n")
    assert judged(SCHEMA).status == "broken"


@pytest.mark.parametrize("worse", [False, True])
def test_rows_of_json_and_a_metric_where_more_is_better(project, restate, tried, judged, worse):
    restate('ledger    = "results.tsv"', 'ledger = "log.jsonl"')
    restate('direction = "lower"', 'direction = "higher"')
    path = project.path / "log.jsonl"
    for words, value in (("wider", 1.7), ("rate", 1.6 if worse else 1.9)):
        commit = tried(words, "keep", value)
        row = {"commit": commit[:7], "val_bpb": value, "status": "keep", "idea": words}
        path.write_text((path.read_text() if path.exists() else "") + json.dumps(row) + "\n")

    assert judged(METRIC).status == ("broken" if worse else "holds")


def test_of_a_long_ledger_the_last_rows_are_judged(project, tried):
    (project.path / "results.tsv").write_text(
        HEADER + "a1b2c3d\t1.950000\t1.0\tdiscard\tx\n" * 3000
    )
    tried("wider", "keep", 1.9)

    loop = open_case(project.path / "bound.toml").evidence.claimed

    assert len(loop.rows) == CLAIMS
    assert loop.rows[-1].description == "wider"
    assert loop.first_line == 3002
