"""What a rule cannot read it does not pass: could not judge, skipped and counted, or broken."""

import os
import shutil
import subprocess
import sys

import pytest

from pytest_ouro.engine import Answer, check_all, open_case
from pytest_ouro.report.text import render

pytestmark = pytest.mark.usefixtures("laws")

MORE = """
[[never-do]]
id    = "foreign"
rule  = "No package is added."
check = "{check}"
"""
COMMAND = """
[experiment]
command          = ["node", "main.js"]
evaluate-command = ["node", "score.js"]
editable         = ["main.js"]
metric           = "score"
budget           = 5
"""


def results(project, **how):
    case = open_case(project.path / "bound.toml", **how)
    try:
        return {result.rule.partition("::")[2]: result for result in check_all(case)}
    finally:
        case.close()


def gate(project, *args):
    done = subprocess.run(
        [sys.executable, "-I", "-m", "pytest_ouro", "gate", *args],
        cwd=project.path,
        env={k: v for k, v in os.environ.items() if k != "CI"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def in_javascript(project):
    """A project of another language: ``in_javascript(check, files)`` blesses it under one rule."""

    def in_javascript(check, files, more=""):
        for name in ("prepare.py", "train.py", "pyproject.toml"):
            (project.path / name).unlink()
        rules = COMMAND + MORE.format(check=check) + more
        project.write({"main.js": "1\n", "bound.toml": rules, **files})
        project.commit("in JavaScript")
        project.bless()

    return in_javascript


MANIFESTS = ["package.json", "Gemfile", "go.mod", "pom.xml", "Cargo.toml", "x.gemspec"]


@pytest.mark.tier(2, but=3)
@pytest.mark.parametrize("check", ["dependencies", "evaluation"])
@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_check_that_does_not_know_the_language_is_not_judged(
    project, in_javascript, check, manifest
):
    scope = '[[iron-law]]\nid = "scope"\nrule = "Only main.js."\ncheck = "scope"\n'
    in_javascript(check, {manifest: "{}\n"}, scope)

    result = results(project)["foreign"]
    assert result.status == "skipped"
    assert result.reason.startswith("not judged: ")
    if manifest != MANIFESTS[0]:
        return
    assert gate(project)[0] == 0
    status, _, error = gate(project, "--expect", "foreign")
    assert (status, "foreign (not judged: " in error) == (2, True)


def test_where_no_rule_is_judged_nothing_is_green(project, in_javascript):
    in_javascript("dependencies", {"package.json": "{}\n"})

    status, out, error = gate(project)

    assert (status, out) == (2, "")
    assert error.startswith("ouro: error: no rule was judged: foreign (not judged: ")
    assert "  help: " in error


@pytest.mark.parametrize("arg", ["-q", "--ouro-experiment", "--color=no", "--confcutdir=."])
def test_a_session_of_pytest_that_judged_no_rule_fails(project, in_javascript, run_pytest, arg):
    test = "def test_works(): pass\n"
    in_javascript("dependencies", {"package.json": "{}\n", "tests/test_it.py": test})

    result = run_pytest(arg, "bound.toml", "tests")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*no rule was judged: foreign (not judged: *)"])
    result.stdout.fnmatch_lines(["  help: a person states a rule that can be judged here*"])
    assert not (project.path / "results.tsv").exists()


@pytest.mark.parametrize("args", [("bound.toml", "-k", "foreign"), ("bound.toml::never-do",)])
def test_a_person_may_choose_rules_that_are_skipped(in_javascript, run_pytest, args):
    in_javascript("dependencies", {"package.json": "{}\n"})

    result = run_pytest(*args)

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*no rule was judged*")


def test_a_changed_manifest_of_another_language_breaks_the_rule_of_a_python_project(project):
    project.write({"package.json": "{}\n"})
    project.commit("tools")
    project.bless()
    assert results(project)["add-dependencies"].status == "holds"
    project.write({"package.json": '{"dependencies": {"left-pad": "1"}}\n'})
    project.commit("left-pad")

    [finding] = results(project)["add-dependencies"].findings

    assert finding.headline.startswith("package.json was changed")
    assert '"left-pad"' in finding.where


@pytest.mark.parametrize("place", ["commit", "index", "working tree"])
def test_a_script_that_is_gone_breaks_scope_and_evaluation(project, place):
    (project.path / "train.py").unlink()
    if place != "working tree":
        project.git("add", "-A")
    if place == "commit":
        project.git("commit", "-qm", "no script")
    subject = place if place != "commit" else "working tree"

    found = results(project, subject=subject)

    for rule in ("only-train-py", "modify-evaluation"):
        assert found[rule].findings[0].headline.startswith("train.py is gone")
    assert "deleted in: " in found["only-train-py"].findings[0].where


def test_a_deleted_file_among_the_editable_ones_is_lawful(project):
    project.edit("bound.toml", 'editable  = ["train.py"]', 'editable  = ["train.py", "lib/*.py"]')
    project.write({"lib/a.py": "x = 1\n"})
    trust = project.commit("a library")
    project.git("rm", "-q", "lib/a.py")
    project.git("commit", "-qm", "no library")

    assert results(project, trust=trust)["only-train-py"].status == "holds"


@pytest.mark.skipif(not shutil.which("setpriv"), reason="it takes away root's right to read all")
def test_an_untracked_folder_that_cannot_be_read_is_found(project):
    project.write({"hidden/tricks.py": "x = 1\n"})
    (project.path / "hidden").chmod(0)
    powers = "-dac_override,-dac_read_search"
    command = [sys.executable, "-I", "-m", "pytest_ouro", "gate"]
    if os.geteuid() == 0:
        command = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", *command]

    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False)
    (project.path / "hidden").chmod(0o755)

    assert done.returncode == 1, done.stderr
    assert "hidden/ was added; only train.py may change" in done.stdout
    assert "cannot be read" in done.stdout
    assert "help: chmod -R u+rwX hidden/" in done.stdout


@pytest.mark.parametrize("packed", [False, True])
def test_a_vanished_journal_is_found_by_the_tried_refs_alone(project, recorded, packed):
    recorded()
    project.git("update-ref", "refs/ouro/tried/1", "HEAD")
    project.git("update-ref", "-d", "refs/ouro/journal")
    shutil.rmtree(project.path / ".git/ouro")
    (project.path / "results.tsv").unlink()
    if packed:
        project.git("pack-refs", "--all")

    assert results(project)["skip-logging"].status == "broken"


def test_rows_by_hand_before_any_run_are_not_judged(project):
    project.write({"results.tsv": "garbage\nmore garbage\n"})

    found = results(project)

    for rule in ("skip-logging", "log-every-experiment", "keep-or-revert"):
        assert found[rule].status == "skipped"
        assert found[rule].reason == "no run recorded yet: the 2 rows of results.tsv are claims"


@pytest.mark.parametrize("mark", ["# ", "#", "===", " #"])
def test_a_row_behind_a_comment_mark_is_a_row(project, recorded, mark):
    recorded()
    assert results(project)["skip-logging"].status == "holds"
    ledger = project.path / "results.tsv"
    text = ledger.read_text()
    ledger.write_text(text + "# a note\n=====\n")
    assert results(project)["skip-logging"].status == "holds"

    ledger.write_text(f"{text}{mark}abc1234\t0.100000\t0.1\tkeep\tby hand\n")

    [finding] = results(project)["skip-logging"].findings
    assert finding.headline == "results.tsv:3: no run was recorded for a row"


def test_a_script_that_was_long_may_be_edited_and_may_not_grow_much(project):
    table = "".join(f"N_{number} = {number}  # a long table of numbers\n" for number in range(2200))
    project.write({"train.py": table + "MODEL = 2.0\n"})
    trust = project.commit("a long script")
    assert len(table) > 70_000
    project.write({"train.py": table + "MODEL = 1.0\n# one more line\n"})
    assert results(project, trust=trust)["modify-evaluation"].status == "holds"

    project.write({"train.py": table + "PAYLOAD = '" + "x" * 17_000 + "'\n"})

    [finding] = results(project, trust=trust)["modify-evaluation"].findings
    assert "is longer than 65536 bytes" in finding.headline


def test_a_finding_is_the_same_when_its_line_moves(project):
    project.write({"train.py": "import socket\nMODEL = 2.0\n"})
    before = results(project)["modify-evaluation"].findings[0]
    project.write({"train.py": "\n\nimport socket\nMODEL = 2.0\n"})
    after = results(project)["modify-evaluation"].findings[0]

    assert before.headline != after.headline
    assert before.stable_headline == after.stable_headline
    assert before.identity == after.identity


def test_the_evaluation_names_the_commit_that_did_it(project):
    project.write({"train.py": "import socket\nMODEL = 2.0\n"})
    bad = project.commit("socket")[:7]
    project.write({"train.py": "import socket\nMODEL = 1.0\n"})
    project.commit("an idea")

    [finding] = results(project)["modify-evaluation"].findings

    assert finding.where == f'introduced in: commit {bad} "socket"'


def test_compiled_and_binary_files_are_listed_first(project):
    files = {"a.md": "words\n", "b.py": "x = 1\n", "c.md": "words\n", "notes.txt": "\0\x7fELF"}
    project.write({**files, "zz.so": "text\n"})

    [finding] = results(project)["only-train-py"].findings

    assert finding.paths == ("notes.txt", "zz.so", "b.py", "a.md", "c.md")
    assert finding.where.startswith("notes.txt (untracked), zz.so (untracked), b.py")


def test_one_edit_is_reported_once(project):
    project.write({"prepare.py": "EVAL_TOKENS = 1\n"})
    project.commit("widen eval")
    case = open_case(project.path / "bound.toml")
    answer = Answer(case, check_all(case))
    case.close()

    text = render([answer])

    assert text.count("help: ") == 1
    broken = [result.rule for result in answer.results if result.broken]
    assert len(broken) >= 4
    assert all(f"{rule} BROKEN: " in text for rule in broken)
    assert text.count(" BROKEN: by the same change of prepare.py") == len(broken) - 1
