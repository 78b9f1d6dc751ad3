"""Rules about runs, judged from a ledger that is written by hand, before the first recorded run."""

import pytest

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
