"""Sessions that judge nothing load nothing of the package, and show nothing of it."""

import json
import os
import subprocess
import sys

import pytest

#: The modules that every pytest session loads: the plugin and its hooks.
DOOR = {"pytest_ouro", "pytest_ouro.plugin", "pytest_ouro.hookspecs"}
HEAVY = {"git", "gitdb", "torch", "numpy", "tomli"}

ASK = """
import io, json, sys
from contextlib import redirect_stdout
out = io.StringIO()
with redirect_stdout(out):
    status = {call}
print(json.dumps({{"status": int(status), "out": out.getvalue(), "modules": sorted(sys.modules)}}))
"""


@pytest.fixture
def ask(project):
    """Run a call in a new interpreter; return its status, output and imported modules."""

    def ask(call, cwd=project.path):
        done = subprocess.run(
            [sys.executable, "-c", ASK.format(call=call)],
            cwd=cwd,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        modules = set(answer["modules"])
        ours = {name for name in modules if name.split(".")[0] == "pytest_ouro"}
        return answer["status"], answer["out"], ours, {name.split(".")[0] for name in modules}

    return ask


PYTEST = "__import__('pytest').main(['-p', 'ouro', '-p', 'no:cacheprovider', *{args}])"


def test_without_a_bound_nothing_is_loaded_and_nothing_is_said(ask, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "test_it.py").write_text("def test_it(): pass\n")

    status, out, ours, modules = ask(PYTEST.format(args=["--collect-only"]), cwd=other)

    assert status == 0
    assert ours <= DOOR
    assert not HEAVY & modules
    lines = [line for line in out.splitlines() if not line.startswith(("plugins:", "rootdir:"))]
    assert "ouro" not in "\n".join(lines)


def test_a_bound_that_is_not_named_is_not_loaded(ask):
    status, out, ours, _ = ask(PYTEST.format(args=["."]))

    assert status == 5
    assert "bound.toml" not in out
    assert ours <= DOOR


def test_rules_are_judged_without_anything_heavy(ask):
    status, out, ours, modules = ask(PYTEST.format(args=["bound.toml"]))

    assert status == 0
    assert "5 passed" in out
    assert not {name for name in ours if ".report.page" in name}
    assert not {"git", "torch", "numpy"} & modules
    assert not {name for name in ours if "experiment" in name}


def test_asserts_of_our_modules_are_not_rewritten_for_an_experiment(project):
    code = (
        "import pytest, sys\n"
        "pytest.main(['-p', 'ouro', '-p', 'no:cacheprovider', '--ouro-experiment', '--co', '-q'])\n"
        "ours = [m for name, m in sys.modules.items() if name.startswith('pytest_ouro.items')]\n"
        "print(len(ours) > 3, {type(m.__loader__).__name__ for m in ours})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.path, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "True {'SourceFileLoader'}", done.stdout


def test_the_gate_needs_no_pytest_and_nothing_heavy(ask):
    status, out, ours, modules = ask("__import__('pytest_ouro.cli').cli.run(['gate'])")

    assert status == 0
    assert "ouro: lawful" in out
    assert not {"git", "torch", "numpy", "pytest", "_pytest", "pluggy"} & modules
    assert not {"dataclasses", "inspect", "importlib.metadata", "argparse"} & modules
    assert not {name for name in ours if ".collect" in name or ".plugin" in name}
    assert not {name for name in ours if ".report.page" in name or ".report.html" in name}


def test_the_gate_loads_nothing_for_what_is_not_there(ask, project):
    rooms = ("bound.guards", "evidence.ledger.ledger", "evidence.records.pace", "messages.")
    absent = tuple(f"pytest_ouro.{room}" for room in rooms)
    gate = "__import__('pytest_ouro.cli').cli.run(['gate'])"

    status, _, ours, modules = ask(gate)

    assert status == 0
    assert [name for name in ours if name.startswith(absent)] == []
    assert not {"shlex", "zlib"} & modules

    (project.path / "results.tsv").write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n")
    assert "pytest_ouro.evidence.ledger.ledger" in ask(gate)[2]


def test_the_package_itself_imports_nothing():
    code = "import sys; seen = set(sys.modules); import pytest_ouro; print(set(sys.modules) - seen)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "{'pytest_ouro'}"


def test_the_package_knows_its_version_when_it_is_asked(ask):
    import pytest_ouro

    assert pytest_ouro.__version__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pytest_ouro.nothing  # noqa: B018
