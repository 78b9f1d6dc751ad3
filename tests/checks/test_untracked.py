"""``untracked``: results.tsv stays out of git, now and in every commit since trust."""

import pytest

RULE = "never-do::commit-results"


def staged(project):
    project.write({"results.tsv": "commit\tval_bpb\n"})
    project.git("add", "-f", "results.tsv")


def committed(project):
    staged(project)
    project.git("commit", "-q", "-m", "the results")


def committed_and_removed(project):
    committed(project)
    project.git("rm", "-q", "--cached", "results.tsv")
    project.git("commit", "-q", "-m", "not the results")


def test_a_staged_ledger_is_found(project, judged):
    staged(project)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline == "results.tsv is in git; it must stay untracked"
    assert finding.where == "added in: the index"
    assert finding.help == "git rm --cached -- results.tsv"


def test_a_committed_ledger_is_found(project, judged):
    committed(project)

    [finding] = judged(RULE).findings

    head = project.git("rev-parse", "--short=7", "HEAD")
    assert finding.where == f'added in: commit {head} "the results"'
    assert finding.help.startswith(f"git reset {head}~1 ")


def test_the_help_for_a_committed_ledger_keeps_its_rows_and_heals(project, judged):
    (project.path / ".gitignore").unlink(missing_ok=True)
    project.write({"results.tsv": "a row\n"})
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.9")
    project.commit("all of it, with git add -A")
    project.commit("and another idea", {"train.py": (project.path / "train.py").read_text() + "#"})

    [finding] = judged(RULE).findings
    project.git(*finding.help.partition("   (")[0].split()[1:])
    assert project.git("diff", "--cached", "--name-only") == ""
    project.git("commit", "-qam", "the ideas alone")

    assert (project.path / "results.tsv").read_text() == "a row\n"
    assert judged(RULE).status == "holds"


def test_a_ledger_that_was_committed_once_is_found(project, judged):
    committed_and_removed(project)

    [finding] = judged(RULE).findings

    assert '"the results"' in finding.where
    assert '"not the results"' not in finding.where


def test_a_ledger_that_trust_itself_holds_is_found(project, judged):
    committed(project)
    trust = project.git("rev-parse", "HEAD")

    [finding] = judged(RULE, trust=trust).findings

    assert finding.where == f"added in: commit {trust[:7]}"


def test_the_staged_state_is_judged_in_a_hook(project, judged):
    staged(project)

    assert judged(RULE, subject="index").broken
    assert judged(RULE, subject="commit").status == "holds"


@pytest.mark.parametrize("ignored", [True, False])
def test_a_ledger_in_the_working_tree_holds(project, judged, ignored):
    if not ignored:
        (project.path / ".gitignore").write_text("")
    project.write({"results.tsv": "commit\tval_bpb\n"})

    assert judged(RULE).status == "holds"


def test_removing_it_from_git_since_trust_holds(project, judged):
    committed(project)
    trust = project.git("rev-parse", "HEAD")
    project.git("rm", "-q", "--cached", "results.tsv")
    project.git("commit", "-q", "-m", "not the results")

    assert judged(RULE, trust=trust).status == "holds"


def test_globs_are_read_from_the_experiments_root(project, judged, restate):
    restate('paths = ["results.tsv"]', 'paths = ["*.tsv", "logs/"]')
    project.write({"logs/deep/a.txt": "", "b.tsv": "", "deep/c.tsv": ""})
    project.git("add", "-A", "-f")

    paths = [finding.facts["path"] for finding in judged(RULE).findings]

    assert paths == ["b.tsv", "logs/deep/a.txt"]
