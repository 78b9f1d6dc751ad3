"""docs/own-check.md: its package is judged, protected, blessed and named like a check of ours."""

import json
import os
import re
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

import pytest_ouro
from pytest_ouro.evidence import lock, toml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/own-check.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"(?ms)^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", PAGE))
[RULE] = re.findall(r"(?ms)^A rule of `bound.toml`:\n\n```toml\n(.*?)^```$", PAGE)
SAID = [text for kind, text in re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", PAGE) if not kind]
KEY = "danger-zone::label-columns"
WORDS = "The columns of labels.csv are fixed."


def install(site, project_toml, modules):
    """Put a package into a folder as an installer leaves it there."""
    project = toml.loads(project_toml)["project"]
    name, version = project["name"], project["version"]
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = project["entry-points"].items()
    lines = [[f"[{group}]", *(f"{k} = {v}" for k, v in found.items())] for group, found in groups]
    (info / "entry_points.txt").write_text("\n".join(line for part in lines for line in part))
    for module, text in modules.items():
        (site / module).write_text(text)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment with pytest-ouro, pytest and the page's package: its Python."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    install(site, FILES["pyproject.toml"], {"my_rules.py": FILES["my_rules.py"]})
    ours = Path(pytest_ouro.__file__).parents[1]
    (site / "tests.pth").write_text(f"{ours}\n{sysconfig.get_path('purelib')}\n")
    return folder / "bin/python"


@pytest.fixture
def own(project, environment):
    """``own("gate")``: a command in the project under the page's rule, blessed by it."""

    def own(*command, text="", module="pytest_ouro", env=None):
        return subprocess.run(
            [environment, "-m", module, *command],
            cwd=project.path, input=text, env={**os.environ, **(env or {})},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    bound = (project.path / "bound.toml").read_text(encoding="utf-8")
    project.commit("a table and a rule", {"labels.csv": "id,label\n1,cat\n"})
    project.write({"bound.toml": f"{bound}\n{RULE}"})
    own.blessed = own("bless")
    project.commit("bless")
    return own


def call(project, name):
    """A tool call by which an agent would edit a file, as JSON."""
    given = {"file_path": str(project.path / name), "old_string": "a", "new_string": "b"}
    payload = {"session_id": "1", "cwd": str(project.path), "hook_event_name": "PreToolUse"}
    return json.dumps({**payload, "tool_name": "Edit", "tool_input": given})


def flat(text):
    return " ".join(text.split())


def test_bless_records_the_path_of_the_check(own, project):
    assert (own.blessed.returncode, own.blessed.stderr) == (0, "")
    assert "added: labels.csv" in own.blessed.stdout
    assert "labels.csv" in lock.loads((project.path / "bound.lock").read_text()).files


def test_bless_refuses_a_path_of_the_check_that_leads_out(own, project):
    project.edit("bound.toml", 'path  = "labels.csv"', 'path  = "../labels.csv"')

    refused = own("bless")

    line = f"{refused.stderr.removeprefix('ouro: error: ').splitlines()[0]}\n"
    assert (refused.returncode, re.sub(r":\d+:", ":56:", line)) == (2, SAID[2])


def test_the_gate_judges_the_check(own, project):
    lawful = own("gate")
    project.write({"labels.csv": "id,label\n2,dog\n"})
    other_rows = own("gate", "--json")
    project.write({"labels.csv": "id,label,split\n"})

    broken = own("gate")

    assert lawful.returncode == 0, lawful.stdout + lawful.stderr
    rules = {rule["rule"]: rule for rule in json.loads(other_rows.stdout)["rules"]}
    assert (rules[KEY]["status"], rules[KEY]["check"]) == ("holds", "same-columns")
    assert broken.returncode == 1
    assert re.sub(r"\.toml:\d+", ".toml:52", SAID[0]) in re.sub(
        r"\.toml:\d+", ".toml:52", broken.stdout
    )


def test_pytest_judges_the_check(own, project):
    project.write({"labels.csv": "id,label,split\n"})

    done = own("bound.toml", "-p", "no:cacheprovider", module="pytest")

    assert done.returncode == 1
    assert f"{KEY} BROKEN: labels.csv has other columns" in done.stdout


def test_the_guard_refuses_an_edit_of_what_the_check_protects(own, project):
    first = own("guard", text=call(project, "labels.csv"))
    kept = json.loads((project.path / ".git/ouro/guard.json").read_text())
    second = own("guard", text=call(project, "labels.csv"))
    allowed = own("guard", text=call(project, "train.py"))

    for said in (first, second):
        reason = json.loads(said.stdout)["hookSpecificOutput"]["permissionDecisionReason"]
        assert (said.returncode, flat(reason)) == (2, flat(SAID[1]))
    assert (allowed.returncode, allowed.stdout, allowed.stderr) == (0, "", "")
    [source] = kept["sources"]
    assert Path(source).name == "my_rules.py"


def test_the_guard_asks_again_when_the_package_changed(own, project):
    own("guard", text=call(project, "labels.csv"))
    kept = project.path / ".git/ouro/guard.json"
    [source] = json.loads(kept.read_text())["sources"]
    later = Path(source).stat().st_mtime_ns + 10**9
    os.utime(source, ns=(later, later))
    state = kept.stat().st_mtime_ns
    own("guard", text=call(project, "labels.csv"))

    assert kept.stat().st_mtime_ns > state


def test_the_doctor_names_the_check_and_its_package(own):
    done = own("doctor")

    assert "same-columns of my-rules 1.0" in flat(done.stdout)


def test_two_packages_with_one_name_are_refused_by_the_names_of_both(own, environment, tmp_path):
    other = FILES["pyproject.toml"].replace("my-rules", "other-rules").replace("1.0", "2.0")
    site = tmp_path / "site"
    install(site, other, {})
    [packages] = (environment.parents[1] / "lib").glob("python*/site-packages")
    (packages / "other.pth").write_text(f"{site}\n")
    try:
        refused = own("gate")
    finally:
        (packages / "other.pth").unlink()

    line = f"{refused.stderr.removeprefix('ouro: error: ').splitlines()[0]}\n"
    assert (refused.returncode, re.sub(r":\d+:", ":55:", line)) == (2, SAID[3])


@pytest.mark.tier(2)
def test_the_hook_of_the_page_registers_the_check_for_pytest_alone(project):
    hook = re.findall(r"(?ms)^```python\n(def pytest_ouro_checks.*?)^```$", PAGE)[0]
    bound = (project.path / "bound.toml").read_text(encoding="utf-8")
    files = {"conftest.py": FILES["my_rules.py"] + hook, "labels.csv": "id,label\n"}
    trust = project.commit("a rule", {**files, "bound.toml": f"{bound}\n{RULE}"})
    project.git("config", "ouro.trust", trust)

    done = project.pytest(f"bound.toml::{KEY}")
    gate = project.ouro("gate")

    assert "1 passed" in done.stdout
    assert gate.returncode == 2
    assert "unknown check 'same-columns'" in gate.stderr


def test_all_that_is_public_is_there():
    for name in pytest_ouro.__all__:
        assert getattr(pytest_ouro, name)
    assert list(pytest_ouro.__all__) == sorted(pytest_ouro.__all__)


def test_the_page_is_in_the_navigation():
    assert "own-check.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
