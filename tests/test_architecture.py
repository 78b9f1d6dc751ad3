import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
    files = (ROOT / "pytest_ouro").rglob("*.py")
    others = [path for path in files if path.relative_to(ROOT).parts[1] != "checks"]

    assert [path for path in others if named.search(path.read_text(encoding="utf-8"))] == []
