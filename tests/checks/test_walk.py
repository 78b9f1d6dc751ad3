"""CONTRIBUTING.md: a check that is added as it says passes the tests."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def page():
    path = ROOT / "CONTRIBUTING.md"
    if not path.is_file():
        pytest.skip("CONTRIBUTING.md is not shipped with these tests")
    return path.read_text(encoding="utf-8")


def files():
    """The files of the page by their paths."""
    return dict(re.findall(r"(?ms)^`([\w./]+\.py)`:\n\n```python\n(.*?)^```$", page()))


def test_the_attack_of_the_walk_is_one_that_is_tested():
    name = "tests/attacks/programs/loss_tenth.py"

    assert files()[name] == (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path):
    """A copy of this repository, of links except for what the walk changes."""
    if not (ROOT / "pytest_ouro").is_dir():
        pytest.skip("the package is not beside these tests")
    copied = tmp_path / "copy"
    written = ("pytest_ouro/checks", "pytest_ouro/onboarding", "tests/checks")
    for folder in ("", "pytest_ouro", "tests", *written):
        (copied / folder).mkdir()
        for path in (ROOT / folder).iterdir():
            name = f"{folder}/{path.name}".lstrip("/")
            if path.name.startswith(".") or path.name == "__pycache__":
                continue
            if not any(one == name or one.startswith(f"{name}/") for one in ("tests", *written)):
                (copied / name).symlink_to(path)
    (copied / "docs").unlink()
    shutil.copytree(ROOT / "docs", copied / "docs", ignore=shutil.ignore_patterns("images"))
    return copied


#: In one process: write the docs, then test.
STEPS = """
import runpy, sys
sys.path.insert(0, "docs")
import pytest
try:
    runpy.run_path("docs/generate.py", run_name="__main__")
except SystemExit as ended:
    if ended.code:
        raise
chosen = "(line and not link and not conflict) or every_check"
options = ["-q", "--assert=plain", "-p", "no:cacheprovider", "-k", chosen]
sys.exit(pytest.main([*sys.argv[1:], *options]))
"""


@pytest.mark.tier(2)
def test_a_check_that_is_added_as_the_page_says_passes_the_tests(copy):
    words = page()
    for name, text in files().items():
        if "line_limit" in name:
            (copy / name).write_text(text)
    [(name, text)] = re.findall(
        r"(?ms)^`(docs/checks/[\w-]+\.md)`:\n\n````markdown\n(.*?)^````$", words
    )
    (copy / name).write_text(text)
    [line] = re.findall(r"(?m)^ *- line-limit: .*\n", words)
    navigation = (copy / "mkdocs.yml").read_text()
    (copy / "mkdocs.yml").unlink()  # a link
    before, after = re.split(r"(?=          - log-schema: )", navigation)
    (copy / "mkdocs.yml").write_text(f"{before}          {line.lstrip()}{after}")
    [function] = re.findall(r"(?ms)^```python\n(def _line_limit.*?)^```$", words)
    [row] = re.findall(r'(?m)^ *\("line-limit".*\n', words)
    recognise = copy / "pytest_ouro/onboarding/recognise.py"
    text = recognise.read_text()
    recognise.unlink()  # a link
    head, table, tail = text.partition("READERS: tuple")
    first, bracket, rows = tail.partition(" = (\n")
    recognise.write_text(f"{head}{function}\n\n{table}{first}{bracket}    {row}{rows}")

    done = subprocess.run(
        [sys.executable, "-c", STEPS, "tests/checks/test_line_limit.py", "tests/test_docs.py"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "written: docs/rules.md" in done.stdout
    assert (
        "| `lines` | the most lines of a file | at least 1 | required |"
        in (copy / name).read_text()
    )
    said = re.search(r"(\d+) passed", done.stdout)
    assert said
    assert int(said[1]) >= 7, done.stdout
