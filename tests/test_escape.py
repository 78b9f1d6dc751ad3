"""Text of the outside world in every form of output: it brings no control, line or command."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import pytest_ouro
from pytest_ouro.cli import run
from pytest_ouro.core.escape import escape, escape_json, escape_lines, quoted
from pytest_ouro.guard import shell

#: An escape sequence, a C1 control, marks of direction, characters without width, line ends of all
#: kinds, and commands of CI servers.
HOSTILE = "a\x1b[31m\x9b1m\u202e\u2066\u200b\ufeff\r\n\u2028\n::error::hi\n##[error]hi\n##vso[x]"
#: What may not come out of any form.
RAW = ["\x1b", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff", "\r", "\u2028", "\x07"]
ROOT = Path(pytest_ouro.__file__).parent


def is_clean(text):
    lines = text.split("\n")
    return (
        not any(raw in text for raw in RAW)
        and not any(line.lstrip().startswith("::error::hi") for line in lines)
        and "##[" not in text
        and "##vso[" not in text
    )


def test_a_text_becomes_one_printable_line():
    line = escape(HOSTILE)

    assert line.isprintable()
    assert is_clean(line)
    assert escape(line) == line
    assert escape("grüßer → 日本 '\\d' ## title") == "grüßer → 日本 '\\d' ## title"
    assert escape(" ::add-mask::x") == " \\x3a:add-mask::x"
    assert escape("\udcff") == "\\udcff"
    assert escape_lines("a\nb", "c") == "a\\nb\nc"


def test_json_means_the_same():
    value = {HOSTILE: [HOSTILE, "\U000e0041", "\x7f", 1]}

    document = escape_json(json.dumps(value, ensure_ascii=False, indent=1))

    assert json.loads(document) == value
    assert document.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "name",
    [
        *(b"a b.py", b"it's", b"$HOME", b"a;b", b"a*", b"\xc3\xbc.py", b"#", b"a\\b"),
        *(b"caf\xe9.py", b"\xff'\\1", b"a\nb", b"\xe2\x80\xae", b"##[x]", b"x\x1b[31m"),
    ],
)
def test_a_quoted_path_reaches_a_shell_as_it_is(name):
    path = os.fsdecode(name)

    word = escape(quoted(path))

    assert subprocess.check_output(["bash", "-c", f"printf %s {word}"]) == name
    assert [command.words for command in shell.parse(f"rm {word}")] == [["rm", path]]


def test_a_plain_path_needs_no_quotes():
    assert quoted("lab/train_2.py") == "lab/train_2.py"
    assert quoted("~/.cache/a b") == "~/'.cache/a b'"
    assert quoted("-f") == "./-f"


@pytest.mark.parametrize("kind", ["untracked", "committed"])
def test_the_help_about_a_name_that_is_not_utf8_heals(project, gate, kind):
    name = os.fsdecode(b"caf\xe9")
    (project.path / name).write_text("x")
    if kind == "committed":
        project.commit("notes")

    status, said, _ = gate()
    assert status == 1
    command = re.search(r"help: (.*?)(, or put|, then|$)", said, re.MULTILINE)[1]
    subprocess.run(["bash", "-ec", command], cwd=project.path, check=True)

    assert gate()[0] == 0


@pytest.fixture
def hostile(project, monkeypatch):
    """A repository whose branch, commit and file have hostile names."""
    monkeypatch.chdir(project.path)
    (project.path / HOSTILE.replace("/", "")).write_text("x")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", HOSTILE)
    return project


FORMS = ["", "--json", "--sarif", "--junit", "--github"]


@pytest.mark.parametrize("form", FORMS)
def test_the_gate_says_it_escaped_in_every_form(hostile, capsys, monkeypatch, tmp_path, form):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))

    assert run(["gate", *filter(None, [form])]) == 1

    said = capsys.readouterr()
    assert is_clean(said.out)
    assert is_clean(said.err)
    if form == "--github":
        assert is_clean((tmp_path / "summary").read_text("utf-8"))


@pytest.mark.parametrize("form", FORMS)
def test_an_error_is_escaped_in_every_form(project, capsys, monkeypatch, form):
    monkeypatch.chdir(project.path)
    name = HOSTILE.replace("/", "")

    assert run(["gate", "--head", name, *filter(None, [form])]) == 2

    said = capsys.readouterr()
    assert is_clean(said.out)
    assert is_clean(said.err)
    if form == "--junit":
        ElementTree.fromstring(said.out)
    elif form in ("--json", "--sarif"):
        json.loads(said.out)


def test_bless_and_doctor_and_log_escape(hostile, capsys):
    hostile.edit("bound.toml", 'name = "toy"', 'name = "to\\u202ey\\u001b[31m"')
    hostile.edit("bound.toml", 'paths = ["prepare.py"]', 'paths = ["prepare.py", "a*"]')

    for command in ("bless", "doctor", "log"):
        run([command])
        said = capsys.readouterr()
        assert is_clean(said.out + said.err)


def test_pytest_escapes_too(hostile, run_pytest):
    hostile.edit("bound.toml", 'name = "toy"', 'name = "to\\u202ey\\u001b[31m"')
    run(["bless"])
    hostile.commit("bless")
    (hostile.path / f"b{HOSTILE.replace('/', '')}").write_text("x")

    done = run_pytest("bound.toml")

    assert done.ret == 1
    assert is_clean(done.stdout.str())


def prints(path):
    """The calls of a module that write to a stream or a terminal without an escape."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            escaped = name.endswith(".write_line") and "escape" in ast.unparse(node)
            streams = ("sys.stdout.write", "sys.stderr.write")
            if name in ("print", *streams) or (name.endswith(".write_line") and not escaped):
                yield name


@pytest.mark.tier(2)
def test_no_other_module_prints():
    # What the demo's experiment and the last of these print is the metric: both stand alone.
    exits = ("cli/output.py", "__main__.py", "timing/command.py")
    alone = ROOT / "cli/demo/experiment"
    modules = (p for p in ROOT.rglob("*.py") if not {"child", "canaries"} & {*p.parts})
    found = {
        str(path.relative_to(ROOT)): list(prints(path))
        for path in modules
        if not str(path).endswith(exits) and path.parent != alone and list(prints(path))
    }

    assert found == {"plugin.py": ["sys.stdout.write"]}  # before pytest has a terminal


def test_a_terminal_without_utf8_gets_escapes(hostile):
    hostile.git("commit", "-q", "--allow-empty", "-m", "größer 日本")

    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "pytest_ouro", "gate"],
        cwd=hostile.path,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "HOME": "/none"},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert b"UnicodeEncodeError" not in done.stderr
    assert done.stdout.isascii()
