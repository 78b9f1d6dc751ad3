"""Pull requests without an experiment, and what is said of a person's change, without a runner."""

from __future__ import annotations

import pytest

from .work import change_rules, write_readme


def test_a_readme_is_a_watched_file_unless_a_person_names_it(desk):
    write_readme(desk)

    status, said = desk.call(desk.request())

    assert status == 1, said
    assert 'documents = ["README.md"] in bound.toml' in said
    assert "a person's change goes another way: docs/ci.md, People's changes" in said


def test_a_named_document_touches_no_experiment(desk):
    desk.git("checkout", "-q", "main")
    line = 'check = "scope"\ndocuments = ["README.md"]'
    desk.project.edit("bound.toml", 'check = "scope"', line)
    desk.project.bless()
    desk.push("refs/heads/main")
    desk.branch()
    write_readme(desk)

    status, said = desk.call(desk.request())
    assert status == 0, said
    assert "0 experiments touched" in said
    desk.project.commit("more", {"setup.cfg": "[x]\n"})
    assert desk.call(desk.request())[0] == 1


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("environment", "status", "words"),
    [
        ("", 1, "ouro: GitLab is not asked for approvals: a maintainer merges a person's change"),
        ("ouro-rules", 2, "pytest-ouro reads those of GitHub alone"),
    ],
)
def test_gitlab_is_not_asked_for_approvals(desk, environment, status, words):
    head = change_rules(desk)
    desk.push("refs/merge-requests/7/head")

    found, said = desk.call(
        {},
        GITHUB_ACTIONS="",
        GITLAB_CI="true",
        CI_REPOSITORY_URL=f"{desk.server.url}/owner/lab",
        CI_DEFAULT_BRANCH="main",
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main",
        CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED="true",
        CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=head,
        INPUT_ENVIRONMENT=environment,
    )

    assert found == status, said
    assert words in said
    assert not [path for path, _ in desk.server.calls if path.startswith("/api/")]
