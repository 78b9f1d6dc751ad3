"""``scope``: only the editable files may change, in every place."""

import os
import subprocess

import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.core.errors import BoundError, TrustError
from pytest_ouro.engine import check_rule, open_case

RULE = "iron-law::only-train-py"


def untracked(project):
    project.write({"helper.py": "x = 1\n"})


def staged(project):
    untracked(project)
    project.git("add", "helper.py")


def committed(project):
    project.commit("a helper", {"helper.py": "x = 1\n"})


def committed_before(project):
    committed(project)
    project.commit("train", {"train.py": "import helper\n"})


def edited(project):
    project.edit("pyproject.toml", 'version = "1"', 'version = "2"')


def edited_unseen(project):
    project.git("update-index", "--assume-unchanged", "pyproject.toml")
    edited(project)
    assert project.git("status", "--porcelain") == ""


def edited_and_staged(project):
    edited(project)
    project.git("add", "pyproject.toml")


def deleted(project):
    (project.path / "pyproject.toml").unlink()


def deleted_in_a_commit(project):
    deleted(project)
    project.commit("less is more")


def linked(project):
    (project.path / "pyproject.toml").rename(project.path / "run.log")
    (project.path / "pyproject.toml").symlink_to("run.log")


def made_executable(project):
    (project.path / "prepare.py").chmod(0o755)


def made_executable_and_staged(project):
    project.git("update-index", "--chmod=+x", "prepare.py")
    made_executable(project)


def artefact_tracked(project):
    project.write({"run.log": "step 1\n"})
    project.git("add", "-f", "run.log")


ADD = "was added; only train.py may change"
CHANGE = "was changed; only train.py may change"
DELETE = "was deleted; only train.py may change"
VIOLATIONS = {
    untracked: (f"helper.py {ADD}", "untracked in the working tree", "rm helper.py, or put"),
    staged: (f"helper.py {ADD}", "added in: the index", "git restore --staged -- h"),
    committed: (f"helper.py {ADD}", 'added in: commit HEAD "a helper"', "git reset --keep HEAD~1"),
    committed_before: (
        *(f"helper.py {ADD}", 'added in: commit PARENT "a helper"'),
        "git reset --soft PARENT~1 && git rm -f -- helper.py, then git commit",
    ),
    edited: (f"pyproject.toml {CHANGE}", "changed in: the working tree", "git checkout "),
    edited_unseen: (f"pyproject.toml {CHANGE}", "changed in: the working tree", "git checkout "),
    edited_and_staged: (f"pyproject.toml {CHANGE}", "changed in: the index", "git checkout "),
    deleted: (f"pyproject.toml {DELETE}", "deleted in: the working tree", "git checkout "),
    deleted_in_a_commit: (
        *(f"pyproject.toml {DELETE}", 'deleted in: commit HEAD "less is more"'),
        "git reset --keep HEAD~1",
    ),
    linked: (f"pyproject.toml {CHANGE}", "changed in: the working tree", "git checkout "),
    made_executable: (f"prepare.py {CHANGE}", "changed in: the working tree", "git checkout "),
    made_executable_and_staged: (
        *(f"prepare.py {CHANGE}", "changed in: the index", "git checkout "),
    ),
    artefact_tracked: (f"run.log {ADD}", "added in: the index", "git restore --staged"),
}


@pytest.mark.parametrize("violate", VIOLATIONS, ids=lambda f: f.__name__)
def test_a_stray_change_is_found(project, judged, violate):
    violate(project)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    head = project.git("rev-parse", "--short=7", "HEAD")
    parent = project.git("rev-parse", "--short=7", "HEAD~1")
    headline, where, remedy = (
        words.replace("HEAD", head).replace("PARENT", parent) for words in VIOLATIONS[violate]
    )
    assert finding.headline == headline
    assert finding.where == where
    assert finding.help.startswith(remedy)


def test_a_rename_is_a_deletion_and_an_addition(project, judged):
    project.git("mv", "train.py", "model.py")
    project.git("mv", "pyproject.toml", "project.toml")

    gone, finding = judged(RULE).findings

    assert gone.headline == "train.py is gone: there is nothing to run"
    assert finding.headline == "3 files changed outside train.py"
    assert finding.where == (
        "model.py (the index), project.toml (the index), pyproject.toml (the index)"
    )


def test_a_commit_and_its_revert_are_still_found(project, judged):
    committed(project)
    project.git("revert", "--no-edit", "HEAD")

    [finding] = judged(RULE).findings

    assert finding.headline.startswith("helper.py was added")
    assert finding.where.endswith('"a helper"')  # the revert is not at fault
    subprocess.run(["sh", "-c", finding.help], cwd=project.path, check=True)
    assert judged(RULE).status == "holds"


def test_a_commit_that_brings_the_trusted_file_is_lawful(project, judged):
    """As when work that began before a blessing goes on after it."""
    trust = project.git("rev-parse", "HEAD")
    project.git("checkout", "-q", "-b", "older", "HEAD~1")
    project.git("checkout", trust, "--", ".")
    project.commit("the blessed files", {"train.py": "MODEL = 0.5\n"})

    assert judged(RULE, trust=trust).status == "holds"


def test_one_file_in_several_places_is_one_finding(project, judged):
    committed(project)
    project.write({"helper.py": "x = 2\n"})
    project.git("add", "helper.py")
    project.write({"helper.py": "x = 3\n"})

    [finding] = judged(RULE).findings

    assert finding.where.startswith("added in: commit ")
    assert finding.where.endswith('"a helper", the index, the working tree')


def test_many_stray_files_are_reported_as_one_finding(project, judged):
    project.write(dict.fromkeys(("a.py", "b/c.py", "d.txt", "e.txt", "f.txt"), ""))

    [finding] = judged(RULE).findings

    assert finding.headline == "5 files changed outside train.py"
    assert finding.where == "a.py (untracked), b/c.py (untracked), d.txt (untracked) and 2 more"
    assert finding.facts["files"] == 5


def test_hiding_a_file_by_gitignore_is_itself_found(project, judged):
    project.edit(".gitignore", "run.log", "run.log\nhelper.py")
    untracked(project)

    [finding] = judged(RULE).findings

    assert finding.headline.startswith(".gitignore was changed")


def test_another_root_of_history_is_found(project, judged):
    project.git("checkout", "-q", "--orphan", "fresh")
    project.commit("all new")

    [finding] = judged(RULE, trust="main").findings

    assert finding.headline == "5 files changed outside train.py"
    assert '"all new"' in finding.where


@pytest.fixture
def within(project):
    """A bound whose scope is the folder ``lab``; its commit, to be trusted."""
    project.edit("bound.toml", 'check = "scope"', 'check = "scope"\nwithin = "lab"')
    return project.commit("watch the lab", {"lab/notes.md": "none yet\n"})


@pytest.mark.parametrize("name", ["docs.md", "laboratory/notes.md", "deep/lab/notes.md"])
def test_within_leaves_the_rest_alone(project, judged, within, name):
    project.write({name: "text"})
    assert judged(RULE, trust=within).status == "holds"

    project.commit("text")
    assert judged(RULE, trust=within).status == "holds"


@pytest.mark.parametrize("name", ["lab/new.md", "lab/deep/new.md", "lab/notes.md"])
def test_within_watches_its_folder(project, judged, within, name):
    project.write({name: "text"})
    [finding] = judged(RULE, trust=within).findings
    assert finding.facts["path"] == name

    project.commit("text")
    [finding] = judged(RULE, trust=within).findings
    assert finding.facts["path"] == name


@pytest.fixture
def in_a_folder(project):
    """The experiment in the folder ``lab`` of a repository that holds more; the trusted commit."""
    files = [path.name for path in project.path.iterdir() if path.name != ".git"]
    (project.path / "lab").mkdir()
    project.git("mv", *files, "lab")
    return project.commit("move into a folder", {"shared/tricks.py": "LR = 1\n"})


def test_by_default_the_whole_repository_is_watched(project, in_a_folder):
    project.write({"shared/tricks.py": "LR = 2\n"})

    case = open_case(project.path / "lab/bound.toml", trust=in_a_folder)
    [finding] = next(
        check_rule(r, case.evidence) for r in case.bound.rules if r.key == RULE
    ).findings

    assert finding.headline == "shared/tricks.py was changed; only train.py may change"
    assert finding.help.endswith('that folder alone: within = "." in bound.toml)')


def test_a_person_may_watch_the_folder_of_the_bound_alone(project, in_a_folder):
    project.edit("lab/bound.toml", 'check = "scope"', 'check = "scope"\nwithin = "."')
    trust = project.commit("watch the lab alone", {"shared/tricks.py": "LR = 2\n"})
    project.write({"shared/tricks.py": "LR = 3\n"})

    case = open_case(project.path / "lab/bound.toml", trust=trust)

    assert (
        next(check_rule(r, case.evidence) for r in case.bound.rules if r.key == RULE).findings == ()
    )


def test_a_watched_folder_must_hold_files(project, judged, restate):
    with pytest.raises(TrustError, match="no tracked file is in nowhere"):
        restate('check = "scope"', 'check = "scope"\nwithin = "nowhere"')
    trust = project.commit("not blessed, but trusted")

    [finding] = judged(RULE, trust=trust).findings

    assert finding.headline == "no file is in nowhere: nothing is watched"


def edit_train(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")


def stage_train(project):
    edit_train(project)
    project.git("add", "train.py")


def commit_train(project):
    edit_train(project)
    project.commit("a better model")


def amend_train(project):
    commit_train(project)
    project.edit("train.py", "MODEL = 1.0", "MODEL = 0.5")
    project.git("commit", "-q", "-a", "--amend", "-m", "a better model still")


def revert_train(project):
    commit_train(project)
    project.git("revert", "--no-edit", "HEAD")


def artefacts(project):
    project.write({"run.log": "step 1\n", "results.tsv": "commit\tval_bpb\n"})
    (project.path / ".git/info/exclude").write_text("")


def crlf(project):
    for name in ("prepare.py", "pyproject.toml", ".gitignore"):
        path = project.path / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def empty_commit(project):
    project.commit("nothing")


HONEST = [
    *(edit_train, stage_train, commit_train, amend_train, revert_train, artefacts, crlf),
    empty_commit,
]


@pytest.mark.parametrize("work", HONEST, ids=lambda f: f.__name__)
def test_honest_work_holds(project, judged, work):
    work(project)

    assert judged(RULE).status == "holds"


def test_allowed_artefacts_need_not_be_ignored(project, judged):
    (project.path / ".gitignore").write_text("")
    trust = project.commit("ignore nothing")
    artefacts(project)

    assert judged(RULE, trust=trust).status == "holds"


def test_changes_by_a_trust_that_moved_on_do_not_count(project, judged):
    project.git("checkout", "-q", "-b", "run")
    commit_train(project)
    project.git("checkout", "-q", "main")
    project.commit("docs", {"README.md": "text\n"})
    project.git("checkout", "-q", "run")

    assert judged(RULE, trust="main").status == "holds"

    project.git("merge", "-q", "--no-edit", "main")
    assert judged(RULE, trust="main").status == "holds"


def test_files_that_were_just_blessed_are_accepted_before_the_commit(project, judged):
    edited(project)
    project.ouro("bless")

    assert judged(RULE).status == "holds"

    project.commit("bless")
    assert judged(RULE).status == "holds"


def test_what_is_staged_is_judged_without_the_working_tree(project, judged):
    untracked(project)
    edited(project)
    assert judged(RULE, subject="index").status == "holds"

    project.git("add", "helper.py")
    [finding] = judged(RULE, subject="index").findings
    assert finding.facts["path"] == "helper.py"


def test_the_remedy_keeps_a_new_staged_file(project, judged):
    project.write({"notes.tsv": "the only copy\n"})
    project.git("add", "notes.tsv")

    [finding] = judged(RULE, subject="index").findings

    assert finding.help == "git restore --staged -- notes.tsv"
    project.git(*finding.help.split()[1:])
    assert (project.path / "notes.tsv").read_text() == "the only copy\n"
    assert judged(RULE, subject="index").status == "holds"


@pytest.mark.parametrize("place", ["untracked", "index", "working tree"])
def test_the_remedy_quotes_every_name(project, judged, place):
    name = "what's new (1) für $me;.txt"
    if place == "working tree":
        project.commit("notes", {name: "1\n"})
        project.bless()
    project.write({name: "2\n"})
    if place == "index":
        project.git("add", "-A")
    subject = "index" if place == "index" else "working tree"
    [finding] = judged(RULE, subject=subject).findings

    command = finding.help.partition(", or put")[0]
    subprocess.run(["sh", "-c", command], cwd=project.path, check=True)

    assert judged(RULE, subject=subject).status == "holds"


def test_a_linked_working_tree_inside_is_not_removed_by_the_remedy(project, judged):
    project.git("worktree", "add", "-q", "trees/idea")

    [finding] = judged(RULE).findings

    assert finding.headline == "trees/idea/ was added; only train.py may change"
    assert finding.help == (
        "trees/idea/ is a repository of its own: move it elsewhere, as by git worktree move"
    )
    project.git("worktree", "move", "trees/idea", "../idea")
    assert judged(RULE).status == "holds"


def test_an_untracked_folder_whose_paths_are_too_long_is_named_and_removed(project, judged):
    """Git cuts its warning about such a path, and the end of the name with it."""
    project.commit("a folder", {"it's/train.py": ""})
    project.bless()
    here = os.open(project.path / "it's", os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x.py", os.O_CREAT, dir_fd=here))
    os.close(here)

    [finding] = judged(RULE).findings

    deep = f"it's/{'d' * 200}/"
    assert finding.headline == f"{deep} was added; only train.py may change"
    assert finding.where == (
        "untracked in the working tree, with paths that are too long for the system: "
        "nobody knows what is in it"
    )
    command, _, rest = finding.help.partition(", ")
    assert rest.startswith("or put the idea into an editable file; what a tool writes")
    subprocess.run(["sh", "-ec", command], cwd=project.path, check=True)
    assert judged(RULE).status == "holds"


def test_the_help_for_a_commit_that_adds_the_ledger_keeps_it(project, judged):
    project.write({"results.tsv": "a row\n", "notes.txt": ""})
    project.git("add", "--force", "results.tsv")
    head = project.commit("all of it")

    [finding] = judged(RULE).findings

    assert finding.help.startswith(
        f"git reset --soft {head[:7]}~1 && git rm --cached -- results.tsv"
    )
    command = finding.help.partition(", then")[0]
    subprocess.run(["sh", "-ec", command], cwd=project.path, check=True, capture_output=True)
    assert (project.path / "results.tsv").read_text() == "a row\n"
    assert judged(RULE).status == "holds"


def test_a_ledger_of_another_name_needs_no_permission(project, judged):
    project.edit("bound.toml", "budget ", 'ledger    = "log.tsv"\nbudget ')
    bless(project.path / "bound.toml")
    project.commit("another ledger")
    project.write({"log.tsv": "a row\n"})

    assert judged(RULE).status == "holds"


@pytest.fixture
def documents(project):
    """The trusted commit of a bound whose documents may change."""
    line = 'documents = ["README.md", "docs/**/*.md"]'
    project.edit("bound.toml", 'check = "scope"', f'check = "scope"\n{line}')
    texts = {"README.md": "a\n", "docs/a/b.md": "b\n", "NOTES.md": "c\n", "docs/AGENTS.md": "d\n"}
    project.commit("the documents", texts)
    return project.git("rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["README.md", "docs/a/b.md", "docs/new.md"])
def test_documents_may_change(project, judged, documents, name):
    project.write({name: "changed\n"})
    assert judged(RULE, trust=documents).status == "holds"
    project.commit("documents")
    project.commit("work", {"train.py": "MODEL = 1.0\n"})
    assert judged(RULE, trust=documents).status == "holds"


@pytest.mark.parametrize(
    "files",
    [
        {"NOTES.md": "not named\n"},
        {"docs/AGENTS.md": "for agents\n"},
        {"docs/claude.md": "for agents\n"},
        {"docs/a.py": "x = 1\n"},
        {"docs/x.md/a.py": "x = 1\n"},
        {"docs/a\nb/AGENTS.md": "for agents\n"},
        {"docs/.claude/skills/a/SKILL.md": "for agents\n"},
        {"README.md": "#!/bin/sh\n"},
        {"README.md": "a\0b\n"},
    ],
)
def test_what_is_more_than_a_document_may_not(project, judged, documents, files):
    project.commit("more", files)

    assert judged(RULE, trust=documents).status == "broken"


@pytest.mark.parametrize("data", [b"a" * 9000 + b"\0", b"\x80abc", b"a" * (1 << 20)])
def test_a_document_carries_no_data(project, judged, documents, data):
    (project.path / "README.md").write_bytes(data)
    assert judged(RULE, trust=documents).status == "broken"
    project.commit("data")
    assert judged(RULE, trust=documents).status == "broken"
    (project.path / "README.md").write_text("ä\n", encoding="utf-8")
    project.git("add", "README.md")
    assert judged(RULE, trust=documents).status == "broken"  # the commit has it still
    project.git("commit", "-q", "--amend", "-m", "a text")
    assert judged(RULE, trust=documents).status == "holds"


def test_a_document_may_be_removed_but_not_become_a_pipe(project, judged, documents):
    (project.path / "README.md").unlink()
    assert judged(RULE, trust=documents).status == "holds"
    os.mkfifo(project.path / "README.md")
    assert judged(RULE, trust=documents).status == "broken"
    (project.path / "README.md").unlink()
    project.commit("less to read")
    assert judged(RULE, trust=documents).status == "holds"


@pytest.mark.parametrize("text", ["#!/bin/sh\n", "a\0b\n"])
def test_a_document_is_judged_by_its_text_in_the_working_tree(project, judged, documents, text):
    project.write({"README.md": text})
    assert judged(RULE, trust=documents).status == "broken"
    project.write({"README.md": "a plain text\n"})
    assert judged(RULE, trust=documents).status == "holds"


def test_a_document_may_not_become_a_link(project, judged, documents):
    (project.path / "README.md").unlink()
    (project.path / "README.md").symlink_to("train.py")
    project.commit("a link")

    assert judged(RULE, trust=documents).status == "broken"


@pytest.mark.parametrize(
    "name",
    [
        "*.md",
        "**/*.md",
        "../*.md",
        "docs",
        "docs/",
        "docs/*",
        "AGENTS.md",
        "a/program.md",
        "a\\nb/program.md",
        "a/.claude/skills/b/*.md",
        "x.py",
        "",
    ],
)
def test_documents_are_texts_below_a_named_folder(project, name):
    line = f'documents = ["{name}"]'
    project.edit("bound.toml", 'check = "scope"', f'check = "scope"\n{line}')

    with pytest.raises(BoundError, match="'documents' in"):
        open_case(project.path / "bound.toml", trust=project.commit("weak"))


def test_the_message_names_the_way_for_a_text(project, judged):
    trust = project.commit("read me", {"README.md": "a\n"})
    project.write({"README.md": "b\n"})
    [finding] = judged(RULE, trust=trust).findings
    assert finding.help.endswith('let texts change: documents = ["README.md"] in bound.toml)')
    project.write({"README.md": "a\n", "LICENSE": "x\n"})
    [finding] = judged(RULE, trust=trust).findings
    assert "documents" not in finding.help
