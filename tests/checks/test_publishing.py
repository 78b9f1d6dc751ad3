"""``publish``: only report commits contain results, and no other work follows them."""

import pytest

from pytest_ouro.bound.read import parse
from pytest_ouro.core.errors import BoundError

LEDGER = "never-do::commit-results"
SCOPE = "iron-law::only-train-py"


@pytest.fixture
def publishing(project, restate):
    """A session under way, whose ledger and plots may be published."""
    restate('device    = "cpu"', 'device    = "cpu"\npublish   = ["results.tsv", "reports/"]')
    better(project, "1.0")
    project.write({"results.tsv": "commit\tval_bpb\n"})
    return project


def better(project, to):
    text = (project.path / "train.py").read_text(encoding="utf-8")
    (project.path / "train.py").write_text(f"{text}# {to}\n", encoding="utf-8")
    project.git("commit", "-q", "-a", "-m", f"try {to}")


def report(project, *more):
    project.git("add", "-f", "results.tsv", *more)
    project.git("commit", "-q", "-m", "report")


def and_plots(project):
    report(project)
    project.write({"reports/progress.png": "x"})
    report(project, "reports")


def staged(project):
    project.git("add", "-f", "results.tsv")


def published_and_appended(project):
    report(project)
    project.write({"results.tsv": "commit\tval_bpb\na\t1.0\n"})


def corrected(project):
    published_and_appended(project)
    project.git("commit", "-q", "-a", "--amend", "--no-edit")


def taken_out_before_more_work(project):
    report(project)
    project.git("rm", "-q", "--cached", "results.tsv")
    project.git("commit", "-q", "-m", "the next session")
    better(project, "0.9")


def merged_from_a_branch(project):
    project.git("checkout", "-q", "-b", "side")
    report(project)
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--no-ff", "--no-edit", "side")


def a_plot_that_is_not_staged(project):
    project.write({"reports/progress.png": "x"})


LAWFUL = [
    *(report, and_plots, staged, published_and_appended, corrected, taken_out_before_more_work),
    *(merged_from_a_branch, a_plot_that_is_not_staged),
]


@pytest.mark.parametrize("work", LAWFUL, ids=lambda f: f.__name__)
@pytest.mark.parametrize("rule", [LEDGER, SCOPE])
def test_a_report_at_the_end_is_lawful(publishing, judged, rule, work):
    work(publishing)

    assert judged(rule).findings == ()


@pytest.mark.parametrize("rule", [LEDGER, SCOPE])
def test_a_report_needs_a_bound_that_publishes(project, judged, rule):
    project.write({"results.tsv": "commit\tval_bpb\n"})
    report(project)

    assert judged(rule).broken


def mixed(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.5")
    report(project, "train.py")


def staged_together(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.5")
    project.git("add", "-f", "results.tsv", "train.py")


def work_after_it(project):
    report(project)
    better(project, "0.9")


def work_staged_after_it(project):
    report(project)
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.5")
    project.git("add", "train.py")


def mixed_and_removed(project):
    mixed(project)
    project.git("rm", "-q", "--cached", "results.tsv")
    project.git("commit", "-q", "-m", "not the results")


BESIDE_WORK = [mixed, staged_together, work_after_it, work_staged_after_it, mixed_and_removed]


@pytest.mark.parametrize("work", BESIDE_WORK, ids=lambda f: f.__name__)
def test_results_beside_work_are_a_violation(publishing, judged, work):
    work(publishing)

    [finding] = judged(LEDGER).findings

    assert finding.headline.startswith("results.tsv is in git beside other work")
    assert finding.help.endswith("commit it alone when the session is over")


def test_it_says_where_and_what_to_do(publishing, judged):
    work_after_it(publishing)

    [finding] = judged(LEDGER).findings

    assert finding.where.endswith('"try 0.9"')
    assert finding.help.startswith("git reset ")


def test_the_help_for_staged_results_is_to_unstage_them(publishing, judged):
    staged_together(publishing)

    [finding] = judged(LEDGER).findings

    assert finding.where == "held by: the index"
    assert finding.help.startswith("git rm --cached -- results.tsv; commit it alone")


def test_a_report_from_an_earlier_session_goes_out_before_the_next_one(publishing, judged):
    report(publishing)
    trust = publishing.git("rev-parse", "HEAD")
    assert judged(LEDGER, trust=trust).status == "holds"

    better(publishing, "0.9")
    assert judged(LEDGER, trust=trust).broken


def test_a_module_is_never_part_of_a_report(publishing, judged):
    publishing.write({"reports/helper.py": "x = 1\n"})
    report(publishing, "reports")

    [finding] = judged(SCOPE).findings

    assert "reports/helper.py" in finding.headline + finding.where


def test_a_plot_beside_work_is_a_change_of_scope(publishing, judged):
    publishing.edit("train.py", "MODEL = 2.0", "MODEL = 1.5")
    publishing.commit("both", {"reports/weights.bin": "x"})

    [finding] = judged(SCOPE).findings

    assert finding.headline == "reports/weights.bin was added; only train.py may change"


def test_each_commit_on_the_way_may_be_a_report(publishing, monkeypatch, capsys):
    from pytest_ouro.cli import run

    monkeypatch.chdir(publishing.path)
    taken_out_before_more_work(publishing)
    how = ["gate", "--head", "HEAD", "--trust", "HEAD~4"]
    assert run(how) == 0, capsys.readouterr().out

    mixed(publishing)
    publishing.git("rm", "-q", "--cached", "results.tsv")
    publishing.git("commit", "-q", "-m", "not the results")
    assert run([*how[:-1], "HEAD~6"]) == 1
    assert "commit-results BROKEN: results.tsv is in git beside" in capsys.readouterr().out


@pytest.mark.parametrize("glob", ["train.py", "*.py", "**"])
def test_what_is_run_cannot_be_published(project, glob):
    text = (project.path / "bound.toml").read_text(encoding="utf-8")
    text = text.replace("[verdict]", f'publish = ["{glob}"]\n[verdict]')

    with pytest.raises(BoundError) as caught:
        parse(text)

    [problem] = caught.value.problems
    assert "which is not a result" in str(problem)
