import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pytest_ouro"


def test_imports_keep_the_contracts():
    pytest.importorskip("importlinter")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_no_command_imports_a_check_by_its_name():
    named = re.compile(r"(?:from|import) pytest_ouro\.checks\.")
    files = PACKAGE.rglob("*.py")
    others = [path for path in files if path.relative_to(PACKAGE).parts[0] != "checks"]

    assert [path for path in others if named.search(path.read_text(encoding="utf-8"))] == []


def test_no_file_has_more_than_400_lines():
    lines = {path: path.read_bytes().count(b"\n") for path in PACKAGE.rglob("*.py")}

    assert {path.relative_to(ROOT): count for path, count in lines.items() if count > 400} == {}


def test_no_folder_has_more_than_15_modules():
    modules = [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    folders = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in modules)
    del folders["checks"]  # a module a check

    assert {folder: count for folder, count in folders.items() if count > 15} == {}
