"""The sandbox of a run: the files that it can reach, and the message without a sandbox."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ouro.child.kernel import landlock, seccomp
from pytest_ouro.core.metric import Metric
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.shared.join import join
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.experiment.assurance import sandbox_spec
from pytest_ouro.experiment.assurance.sandbox_spec import available, confine, unhidden
from pytest_ouro.experiment.steps import jobs
from pytest_ouro.experiment.steps.checkout import checkout
from pytest_ouro.experiment.supervision.supervisor import supervise
from pytest_ouro.experiment.terms.measurement import outcome
from pytest_ouro.experiment.terms.setup import Setup

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = (sys.executable,)


def has_landlock() -> bool:
    try:
        return landlock.version() > 0
    except OSError:
        return False


needed = pytest.mark.skipif(
    sys.platform != "linux" or not seccomp.supported() or not has_landlock(),
    reason="this kernel has no sandbox",
)

#: Makes one system call fail in its process and its children, as other kernels and containers do,
#: then prints whether there is a sandbox.
WITHOUT = """\
import ctypes, json, struct, sys
number, error = int(sys.argv[1]), int(sys.argv[2])
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x50000 | error), (6, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code), 32)
head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, head, 0, 0) == 0
from pytest_ouro.experiment.assurance.sandbox_spec import available
found = available((sys.executable,))
print(json.dumps([found.ok, found.why]))
"""


@needed
@pytest.mark.parametrize("newest", [7, 5, 3, 1])
def test_a_sandbox_that_holds_is_available(newest):
    assert available(PYTHON, newest=newest) == sandbox_spec.Availability(True)


@needed
@pytest.mark.parametrize(
    ("call", "error", "why"),
    [
        (444, 38, "this kernel has no Landlock"),
        (444, 95, "Landlock was disabled when this kernel booted"),
        (444, 1, "the kernel refuses Landlock: landlock_create_ruleset: Operation not permitted"),
        (446, 1, "landlock_restrict_self: Operation not permitted"),
        (
            {"x86_64": 317, "aarch64": 277}.get(platform.machine(), 0),
            22,
            "seccomp: Invalid argument",
        ),
    ],
)
def test_a_kernel_that_refuses_has_none(call, error, why):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(call), str(error)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == [False, why]


@needed
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("    ruleset.restrict()\n", "reading a hidden file did not fail"),
        ("    seccomp.install(abi, network=network)\n", "a TCP socket did not fail"),
        ("    _allow_thread_names(ruleset)\n", "naming a thread failed: "),
    ],
)
def test_a_sandbox_that_leaks_or_hinders_fails_the_self_test(monkeypatch, tmp_path, broken, why):
    child = shutil.copytree(sandbox_spec.CHILD, tmp_path / "child")
    source = (child / "kernel/sandbox.py").read_text()
    assert source.count(broken) == 1
    (child / "kernel/sandbox.py").write_text(source.replace(broken, ""))
    monkeypatch.setattr(sandbox_spec, "CHILD", child)

    found = available(PYTHON)

    assert not found.ok
    assert why in found.why


def test_an_interpreter_that_does_not_work_has_no_sandbox():
    assert available(("no-such-python",)).why.startswith("[Errno 2]")
    assert available(("false",)).why == "the self-test of the sandbox failed: exit status 1"


#: Tries each action on its path, and prints for each whether it succeeded.
REACHES = """\
import json, os
from pathlib import Path
def able(action, path):
    try:
        {"read": Path(path).read_bytes, "list": lambda: os.listdir(path),
         "write": lambda: Path(path).open("ab")}[action]()
    except OSError as error:
        return type(error).__name__
    return True
print("reached", json.dumps([able(*asked) for asked in %s]))
from prepare import evaluate_bpb
print(f"val_bpb: {evaluate_bpb(2.0):.6f}")
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with data and other files."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    for name in ("cache/data/val.bin", "cache/data/train_0.bin", "cache/tokenizer/ranks", "secret"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    (home / ".gitconfig").write_text("[user]\nname = Someone\nemail = someone@example.org\n")
    return home / "cache"


def confined(lab: Any, tmp_path: Path, asked: list[tuple[str, str]], **keys: list[str]) -> Any:
    """Run the toy project; return which of the actions ``asked`` succeeded."""
    keys = {"data": ["~/cache/tokenizer/*"], "validation": ["~/cache/data/val.*"], **keys}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    lab.bound(("editable", f"{lines}editable"))
    lab.commit(REACHES % asked)
    case = open_case(lab.path / "bound.toml")
    experiment = case.bound.experiments["cpu"]
    assert unhidden(case, experiment) == ""
    with checkout(case.repository.git, case.repository.head) as tree:
        scratch = tmp_path / "scratch"
        job = jobs.script_job(Setup(case, experiment, "cpu", scratch), tree)
        seen = supervise(confine(case, experiment, job, tree))
    assert seen.exit_code == 0, seen.tail
    assert seen.value == 2.0
    said = next(line for line in seen.tail if line.startswith("reached"))
    return json.loads(said.removeprefix("reached "))


@needed
def test_a_run_reaches_its_data_and_no_validation(lab, cache, tmp_path):
    asked = [
        ("read", f"{cache}/tokenizer/ranks"),
        ("read", f"{cache}/data/train_0.bin"),
        ("list", f"{cache}/data"),
        ("read", f"{cache}/data/val.bin"),
        ("write", f"{cache}/data/train_0.bin"),
        ("read", f"{cache.parent}/secret"),
    ]

    denied = "PermissionError"
    assert confined(lab, tmp_path, asked) == [True, True, True, denied, denied, denied]


@needed
@pytest.mark.tier(2)
def test_a_run_reaches_no_records_that_clones_share(lab, cache, tmp_path, monkeypatch):
    (cache / "tokenizer/records").mkdir()
    monkeypatch.setenv("OURO_RECORDS", str(cache / "tokenizer/records"))
    place = find_place(Git.discover(lab.path))
    join(place)
    asked = [
        ("read", f"{cache}/tokenizer/ranks"),
        ("read", f"{place.common_dir}/ouro/project"),
        ("list", f"{place.top}"),
    ]

    assert confined(lab, tmp_path, asked) == [True, "PermissionError", "PermissionError"]


@needed
@pytest.mark.parametrize("eager", [True, False])
def test_a_harness_that_reads_both_splits_at_import_learns_what_to_change(lab, cache, eager):
    reads = "from pathlib import Path\nVAL = Path.home().joinpath('cache/data/val.bin')"
    read = ".read_bytes()" if eager else ""
    (lab.path / "prepare.py").write_text(f"{reads}{read}\n{(lab.path / 'prepare.py').read_text()}")
    keys = 'data = ["~/cache/data/train*"]\nvalidation = ["~/cache/data/val.*"]\n'
    lab.bound(("editable", f"{keys}editable"))
    case = open_case(lab.path / "bound.toml")
    with checkout(case.repository.git, case.repository.head) as tree:
        job = jobs.script_job(Setup(case, case.experiment, "cpu", cache.parent / "scratch"), tree)
        inside = supervise(confine(case, case.experiment, job, tree))
        outside = supervise(job)  # as the help says

    assert outside.exit_code == 0, outside.tail
    said = outcome(replace(inside, level="sandboxed"), Metric.named("val_bpb"))[1]
    assert ('or set highest = "judged"' in said) is eager, said
    assert (inside.exit_code == 0) is not eager


@needed
def test_a_run_reaches_its_worktree_and_nothing_of_the_project(lab, cache, tmp_path):
    (lab.path / "results.tsv").write_text("commit\tval_bpb\n")
    asked = [
        ("read", "prepare.py"),
        ("write", "prepare.py"),
        ("read", f"{lab.path}/prepare.py"),
        ("read", f"{lab.path}/results.tsv"),
        ("write", f"{lab.path}/results.tsv"),
        ("read", f"{lab.path}/.git/HEAD"),
        ("list", f"{lab.path}/.git"),
    ]

    assert confined(lab, tmp_path, asked) == [True, *["PermissionError"] * 6]


@needed
def test_a_hard_link_to_validation_data_stays_hidden(lab, cache, tmp_path):
    os.link(cache / "data/val.bin", cache / "tokenizer/hard")
    (cache / "tokenizer/soft").symlink_to(cache / "data/val.bin")
    asked = [("read", f"{cache}/tokenizer/{name}") for name in ("ranks", "soft", "hard")]

    assert confined(lab, tmp_path, asked) == [True, "PermissionError", "PermissionError"]


@needed
def test_data_beside_the_home_opens_no_home(lab, cache, tmp_path):
    asked = [("read", f"{cache.parent}/corpus"), ("read", f"{cache.parent}/secret")]
    (cache.parent / "corpus").write_text("text")

    assert confined(lab, tmp_path, asked, data=["~/corpus"]) == [True, "PermissionError"]


@needed
def test_the_environment_in_the_checkout_stays_readable(lab, cache, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", lab.path / ".venv"], check=True)
    lab.bound(("editable", f'python = ["{lab.path}/.venv/bin/python"]\neditable'))
    asked = [("read", f"{lab.path}/.venv/pyvenv.cfg"), ("read", f"{lab.path}/bound.toml")]

    assert confined(lab, tmp_path, asked) == [True, "PermissionError"]


def test_without_validation_files_nothing_can_be_hidden(lab, cache):
    case = open_case(lab.path / "bound.toml")
    assert "names no 'validation' files" in unhidden(case, case.experiment)

    lab.bound(("editable", 'validation = ["~/nowhere/val"]\neditable'))
    case = open_case(lab.path / "bound.toml")
    assert unhidden(case, case.experiment) == "validation files missing: ~/nowhere/val"
