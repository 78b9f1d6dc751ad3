"""``pytest-ouro gate``: its exit status, its output, and what it never runs."""

import json
import subprocess
import sys

import pytest

from pytest_ouro.cli import gate as door
from pytest_ouro.cli import parse_options, run
from pytest_ouro.engine import check_all, open_case


def test_a_lawful_experiment_is_one_line(gate):
    status, out, err = gate()

    assert (status, err) == (0, "")
    assert out == (
        "ouro: lawful: 5 rules hold, 2 skipped, "
        "trust: bound.lock (rules read from the working tree)\n"
    )


@pytest.mark.parametrize("words", door.PLAIN)
def test_a_plain_call_asks_for_what_the_parser_would(words):
    assert vars(door.PLAIN[words]) == vars(parse_options(door, "gate", words))


def test_a_broken_rule_is_reported_with_place_reason_and_remedy(project, gate):
    trust = project.git("rev-parse", "--short=7", "HEAD")
    project.edit("prepare.py", "float(model)", "0.5")

    status, out, _ = gate()

    assert status == 1
    lines = out.splitlines()
    assert lines[0].startswith("danger-zone::prepare BROKEN: prepare.py changed (sha256 ")
    assert lines[1] == "  bound.toml:17 [frozen]  why: prepare.py is the fixed harness."
    assert lines[2] == "  changed in: the working tree"
    assert lines[3].startswith(f"  help: git checkout {trust} -- prepare.py")
    assert lines[-1].startswith("ouro: broken: 2 rules hold, 3 broken, 2 skipped, trust: ")


def test_below_the_top_the_help_names_files_from_there(project, gate, monkeypatch):
    folder = project.path / "deep/er"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert " cd " not in gate()[1]

    project.edit("prepare.py", "float(model)", "0.5")
    _, out, _ = gate()

    assert out.startswith("danger-zone::prepare BROKEN: prepare.py changed (sha256 ")
    assert " -- ../../prepare.py   (" in out
    assert " cd " not in out
    monkeypatch.chdir(project.path)
    assert " -- prepare.py   (" in gate()[1]


def test_every_broken_rule_is_reported(project, gate):
    project.edit("prepare.py", "float(model)", "0.5")
    project.edit("pyproject.toml", '["six"]', '["numpy"]')
    project.write({"results.tsv": "x\n"})
    project.git("add", "-f", "results.tsv")

    _, out, _ = gate()

    broken = {line.split(" ")[0] for line in out.splitlines() if " BROKEN: " in line}
    assert broken == {
        "danger-zone::prepare",
        "never-do::modify-prepare",
        "never-do::add-dependencies",
        "never-do::commit-results",
        "iron-law::only-train-py",
    }


def test_a_warning_is_reported_and_does_not_break(project, gate):
    project.edit(
        *("bound.toml", 'check = "scope"'),
        'check = "scope"\nseverity = "warn"\nreason = "the move is not finished"',
    )
    project.bless()
    project.write({"helper.py": ""})

    status, out, _ = gate()

    assert status == 0
    assert "iron-law::only-train-py WARNS: helper.py was added" in out
    assert "  only warns: the move is not finished" in out
    assert "1 warned" in out


def test_json_says_the_same(project, gate):
    head = project.git("rev-parse", "HEAD")
    project.edit("prepare.py", "float(model)", "0.5")

    status, out, _ = gate("--json")

    said = json.loads(out)
    assert status == 1
    assert said["lawful"] is False
    assert said["head"] == head
    assert said["trust"] == {"source": "bound.lock", "commit": head}
    by_rule = {rule["rule"]: rule for rule in said["rules"]}
    assert len(by_rule) == 7
    assert by_rule["danger-zone::prepare"]["status"] == "broken"
    assert by_rule["danger-zone::prepare"]["findings"][0]["facts"] == {"path": "prepare.py"}
    assert by_rule["never-do::exceed-budget"]["status"] == "skipped"
    assert by_rule["never-do::commit-results"]["status"] == "holds"


def test_json_of_a_lawful_experiment(gate):
    status, out, _ = gate("--json")

    assert status == 0
    assert json.loads(out)["lawful"] is True


def test_the_nearest_bound_is_judged(project, gate, monkeypatch):
    project.commit("a folder", {"lab/deep/train.py": ""})
    monkeypatch.chdir(project.path / "lab/deep")

    status, out, _ = gate()

    assert status == 1
    assert "lab/deep/train.py was added" in out


def test_a_bound_can_be_named(project, gate, monkeypatch):
    monkeypatch.chdir(project.path.parent)

    assert gate("--bound", str(project.path / "bound.toml"))[0] == 0
    assert gate("--bound", "project/bound.toml")[0] == 0


def test_a_bound_above_the_repository_is_not_taken(project, gate, monkeypatch):
    project.git("init", "-q", "inside")
    monkeypatch.chdir(project.path / "inside")

    status, out, err = gate()

    assert (status, out) == (2, "")
    assert err.startswith("ouro: error: no bound.toml in ")
    assert "--bound PATH" in err


def no_git(project):
    (project.path / ".git").rename(project.path / "git")


def no_commit(project):
    no_git(project)
    project.git("init", "-q")


def no_lock(project):
    (project.path / "bound.lock").unlink()


def damaged_lock(project):
    (project.path / "bound.lock").write_text("<<<<<<< HEAD\n")


def altered_bound(project):
    project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "x"')


def altered_and_committed_bound(project):
    altered_bound(project)
    project.commit("fewer rules")


def unknown_trust(project):
    project.git("config", "ouro.trust", "nowhere")


def another_working_tree(project):
    (project.path.parent / "clean").mkdir()
    project.git("config", "core.worktree", str(project.path.parent / "clean"))


def conflict(project):
    project.git("checkout", "-q", "-b", "side")
    project.commit("one", {"train.py": "1\n"})
    project.git("checkout", "-q", "main")
    project.commit("two", {"train.py": "2\n"})
    subprocess.run(["git", "merge", "side"], cwd=project.path, capture_output=True, check=False)


UNJUDGED = {
    no_git: "no git repository at ",
    no_commit: "the repository has no commit yet",
    no_lock: "no trusted rules: bound.lock does not exist",
    damaged_lock: "bound.lock is damaged: ",
    altered_bound: "bound.toml is not the one that was blessed (bound.lock)",
    altered_and_committed_bound: "bound.toml is not the one that was blessed (bound.lock)",
    unknown_trust: "git config ouro.trust names 'nowhere', which is not a commit",
    another_working_tree: "",
    conflict: "train.py has a merge conflict",
}


@pytest.mark.parametrize("prevent", UNJUDGED, ids=lambda f: f.__name__)
def test_what_cannot_be_judged_is_never_lawful(project, gate, prevent):
    prevent(project)

    status, out, err = gate()

    assert (status, out) == (2, "")
    assert err.startswith(f"ouro: error: {UNJUDGED[prevent]}")
    assert "\n  help: " in err


def test_a_bound_that_does_not_exist_is_said(gate):
    status, _, err = gate("--bound", "nowhere/bound.toml")

    assert status == 2
    assert "git is not installed" not in err


def test_every_fault_of_the_bound_is_a_line(project, gate):
    project.edit("bound.toml", 'check = "scope"', 'check = "scpoe"')
    project.edit("bound.toml", "noise = 0.01", "nois = 0.01")
    trust = project.commit("slips of the pen")

    status, out, err = gate("--trust", trust)

    assert (status, out) == (2, "")
    *faults, help = err.splitlines()
    assert help.startswith("  help: the trusted rules are those of ")
    assert faults == [
        "ouro: error: bound.toml:15: unknown key 'nois' in [verdict]; did you mean 'noise'?",
        "ouro: error: bound.toml:49: unknown check 'scpoe'; did you mean 'scope'?",
    ]


def test_trust_is_reported(project, gate):
    trust = project.git("rev-parse", "--short=7", "HEAD")

    assert gate("--trust", "main")[1].endswith(f"trust: {trust} (--trust)\n")


def test_trusted_rules_judge_whatever_the_working_copy_says(project, gate):
    project.git("checkout", "-q", "-b", "run")
    altered_and_committed_bound(project)
    project.write({"helper.py": ""})

    status, out, _ = gate("--trust", "main")

    assert status == 1
    assert "iron-law::only-train-py BROKEN: 2 files changed outside train.py" in out
    assert "  bound.toml (commit " in out


def test_a_new_blessing_does_not_help_against_a_trusted_commit(project, gate):
    project.git("checkout", "-q", "-b", "run")
    altered_bound(project)
    project.bless()
    assert gate()[0] == 0

    assert gate("--trust", "main")[0] == 1


def test_a_trusted_commit_without_rules_is_refused(project, gate):
    project.git("rm", "-q", "--cached", "bound.toml")
    project.git("commit", "-q", "-m", "no rules")

    status, _, err = gate("--trust", "HEAD")

    assert status == 2
    assert "has no bound.toml: there are no trusted rules" in err


def test_staged_work_is_judged_alone(project, gate):
    project.edit("prepare.py", "float(model)", "0.5")
    assert gate("--staged")[0] == 0

    project.git("add", "prepare.py")
    project.git("show", "HEAD:prepare.py")
    status, out, _ = gate("--staged")
    assert status == 1
    assert "  changed in: the index" in out


@pytest.fixture
def hook(project):
    """A pre-commit hook that runs the gate on what is staged."""
    path = project.path / ".git/hooks/pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pytest_ouro gate --staged\n')
    path.chmod(0o755)


def test_a_partial_commit_is_judged_by_what_it_commits(project, hook):
    project.edit("prepare.py", "float(model)", "0.5")
    project.git("add", "prepare.py")
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")

    project.git("commit", "-q", "-m", "only the model", "train.py")

    assert project.git("show", "--format=", "--name-only", "HEAD") == "train.py"
    with pytest.raises(subprocess.CalledProcessError) as caught:
        project.git("commit", "-q", "-m", "and the harness")
    assert "danger-zone::prepare BROKEN" in caught.value.stdout + caught.value.stderr


def test_a_commit_of_all_is_judged_in_a_linked_working_tree(project, hook, tmp_path):
    linked = tmp_path / "linked"
    project.git("worktree", "add", "-q", str(linked))
    (linked / "train.py").write_text("x = 1\n")
    project.git("-C", str(linked), "commit", "-q", "-a", "-m", "train")

    (linked / "prepare.py").write_text("x = 1\n")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        project.git("-C", str(linked), "commit", "-q", "-a", "-m", "prepare")
    assert "danger-zone::prepare BROKEN" in caught.value.stdout + caught.value.stderr


def test_nothing_that_the_repository_configures_is_run(project, gate, tmp_path):
    trace = tmp_path / "it-ran"
    script = project.path / ".git" / "spy"
    script.write_text(f'#!/bin/sh\necho "$0" >> "{trace}"\nexec cat\n')
    script.chmod(0o755)
    hooks = project.path / ".git" / "spies"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor"):
        (hooks / name).symlink_to(script)
    for key in (
        *("core.fsmonitor", "core.editor", "core.pager", "core.sshCommand", "diff.external"),
        *("filter.spy.clean", "filter.spy.smudge", "filter.spy.process", "diff.spy.command"),
        *("diff.spy.textconv", "core.alternateRefsCommand", "core.askPass", "gpg.program"),
        *("credential.helper", "alias.ls-files"),
    ):
        project.git("config", key, str(script))
    project.git("config", "core.hooksPath", str(hooks))
    project.git("config", "filter.spy.required", "true")
    (project.path / ".git/info/attributes").write_text("* filter=spy diff=spy\n")
    project.edit("prepare.py", "float(model)", "0.5")
    project.write({"helper.py": ""})
    trace.unlink(missing_ok=True)

    status, out, _ = gate()

    assert status == 1
    assert "danger-zone::prepare BROKEN" in out
    assert not trace.exists()


def test_the_index_is_not_written(project, gate):
    index = project.path / ".git/index"
    (project.path / "train.py").touch()
    before = index.read_bytes()

    gate()

    assert index.read_bytes() == before
    assert not index.with_suffix(".lock").exists()


def test_a_name_cannot_speak_for_the_gate(project, gate):
    project.write({"x\nouro: lawful: 7 rules hold\x1b[2K.py": ""})

    status, out, _ = gate()

    assert status == 1
    assert "x\\nouro: lawful: 7 rules hold\\x1b[2K.py was added" in out
    assert "\x1b" not in out


def test_the_console_can_be_poorer_than_the_names(project):
    project.write({"été → noël.py": ""})

    done = project.ouro("gate", PYTHONIOENCODING="ascii")

    assert done.returncode == 1
    assert "\\xe9t\\xe9 \\u2192 no\\xebl.py was added" in done.stdout
    assert done.stderr == ""


def test_wrong_options_are_refused(gate):
    with pytest.raises(SystemExit) as caught:
        run(["gate", "--stagd"])

    assert caught.value.code == 2


def no_work(project):
    pass


def a_better_model(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    project.commit("a better model")


def kept_and_discarded(project):
    a_better_model(project)
    project.commit("worse", {"train.py": "MODEL = 3.0\n"})
    project.git("reset", "-q", "--hard", "HEAD~1")


def work_in_progress(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    project.git("add", "train.py")
    project.edit("train.py", "MODEL = 1.0", "MODEL = 0.5")


def artefacts(project):
    project.write({"run.log": "step 1\n", "results.tsv": "commit\tval_bpb\n"})
    a_better_model(project)


def branch_renamed(project):
    a_better_model(project)
    project.git("branch", "-m", "autoresearch/mar8")


def head_detached(project):
    a_better_model(project)
    project.git("checkout", "-q", "--detach")


def amended(project):
    a_better_model(project)
    project.edit("train.py", "MODEL = 1.0", "MODEL = 0.5")
    project.git("commit", "-q", "-a", "--amend", "--no-edit")


def rebased(project):
    project.git("checkout", "-q", "-b", "run")
    a_better_model(project)
    project.git("commit", "-q", "--allow-empty", "-m", "log")
    project.git("rebase", "-q", "--force-rebase", "main")


def merged(project):
    project.git("checkout", "-q", "-b", "side")
    a_better_model(project)
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--no-ff", "--no-edit", "side")


def windows_checkout(project):
    for name in ("prepare.py", "train.py", "bound.toml", "bound.lock", "pyproject.toml"):
        path = project.path / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def packed(project):
    a_better_model(project)
    project.git("gc", "-q")


HONEST = [
    *(no_work, a_better_model, kept_and_discarded, work_in_progress, artefacts, branch_renamed),
    *(head_detached, amended, rebased, merged, windows_checkout, packed),
]


@pytest.mark.parametrize("work", HONEST, ids=lambda f: f.__name__)
def test_honest_work_is_lawful(project, work):
    work(project)

    judgements = check_all(open_case(project.path / "bound.toml"))

    assert [judgement for judgement in judgements if judgement.findings] == []


def test_honest_work_in_a_linked_working_tree_is_lawful(project, tmp_path):
    linked = tmp_path / "linked"
    project.git("worktree", "add", "-q", "-b", "run", str(linked))
    (linked / "train.py").write_text("MODEL = 1.0\n")
    project.git("-C", str(linked), "commit", "-q", "-a", "-m", "a better model")

    judgements = check_all(open_case(linked / "bound.toml"))
    assert not any(judgement.findings for judgement in judgements)

    (linked / "prepare.py").write_text("")
    assert any(judgement.broken for judgement in check_all(open_case(linked / "bound.toml")))
    assert not any(j.broken for j in check_all(open_case(project.path / "bound.toml")))


def test_a_clone_is_judged_like_the_original(project, tmp_path):
    a_better_model(project)
    project.git("clone", "-q", str(project.path), str(tmp_path / "clone"))

    case = open_case(tmp_path / "clone" / "bound.toml")

    assert not any(judgement.findings for judgement in check_all(case))


def test_a_bound_in_a_folder_of_the_repository(project):
    folder = "lab one"
    for name in ("prepare.py", "train.py", "pyproject.toml", "bound.toml"):
        (project.path / folder).mkdir(exist_ok=True)
        project.git("mv", name, f"{folder}/{name}")
    project.git("rm", "-q", "bound.lock")
    trust = project.commit("move")
    path = project.path / folder / "bound.toml"
    assert not any(j.findings for j in check_all(open_case(path, trust=trust)))

    project.edit(f"{folder}/prepare.py", "float(model)", "0.5")
    broken = {j.rule for j in check_all(open_case(path, trust=trust)) if j.broken}
    assert broken == {"danger-zone::prepare", "never-do::modify-prepare", "iron-law::only-train-py"}
