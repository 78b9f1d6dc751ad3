from __future__ import annotations

import gc
import io
import os
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from pytest_ouro.checks import CHECKS, load
from pytest_ouro.child.kernel.system import adopt_orphans
from pytest_ouro.cli import run
from pytest_ouro.cli.bless import bless
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.record_format import from_json
from pytest_ouro.evidence.records.rows import entry_of, row_of
from pytest_ouro.experiment.records import ledger_writer
from pytest_ouro.experiment.terms.job import CHILD

from . import tiers
from .torch_server import TorchServer

OWN_BOUND = Path(__file__).parents[1] / "bound.toml"
DATA = ("~/.cache/toy/tokenizer/*", "~/.cache/toy/data/shard_9.bin")


def pytest_addoption(parser):
    tiers.add_option(parser)


def pytest_configure(config):
    config.pluginmanager.register(tiers.Tiers(config))


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left():
    """Fail if a process that a test started, at any depth, still runs at the end; needs Linux.

    Under xdist each worker checks its own processes.
    """
    adopt_orphans()
    yield
    gc.unfreeze()  # a pytest run in this process may have frozen garbage
    gc.collect()  # an object that holds a git process ends it when it is freed
    deadline = time.monotonic() + 60
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, f"the tests left processes running: {left}"


def descendants(pid):
    """Return the command lines of the running descendants of a process, by their ids."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # the process has just ended
        if state != "Z":
            parents[int(folder.name)] = int(parent)
            commands[int(folder.name)] = words
    found = [pid]
    for ancestor in found:
        found += [child for child, parent in parents.items() if parent == ancestor]
    return {child: commands[child] for child in found[1:]}


@pytest.fixture(scope="session")
def torch_server():
    """The process that has imported torch; the first test that needs it starts it."""
    server = TorchServer(str(CHILD))
    yield server
    server.close()


@pytest.fixture
def fork_runs(request, monkeypatch):
    """``fork_runs()``: fork the processes of this test's runs from one that has imported torch.

    A run in a process of its own (``project.pytest``) is not affected.
    """

    def fork_runs():
        if sys.platform == "linux":  # elsewhere an orphaned fork does not become our child
            server = request.getfixturevalue("torch_server")
            monkeypatch.setattr(subprocess.Popen, "_execute_child", server.bound())

    return fork_runs


@pytest.fixture
def ouro(project, monkeypatch, capsys):
    """``ouro("gate", stdin="")``: run pytest-ouro in the project's folder, in this process.

    It returns the exit status, standard output and standard error.
    """
    monkeypatch.chdir(project.path)

    def ouro(*args, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = run(args)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return ouro


@pytest.fixture
def gate(ouro):
    """``gate(*args, stdin="")``: exit status, output and errors of the gate."""
    return partial(ouro, "gate")


@pytest.fixture
def run_pytest(project, pytester, monkeypatch):
    """``run_pytest(*args)``: run pytest in the project's folder, in this process.

    A process of its own (``project.pytest``) takes half a CPU second more.
    """
    # Pytester forgets the modules that a run is the first to import: a package would be split.
    import_module("pytest_ouro.items.hooks")
    for check in CHECKS:
        load(check)
    project.identify()
    monkeypatch.chdir(project.path)

    def run_pytest(*args):
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *args)

    return run_pytest


@pytest.fixture(scope="session")
def templates():
    """Projects by name, made once and then copied."""
    return {}


@pytest.fixture
def laws(project, templates, tmp_path_factory):
    """The project under all fifteen rules of this repository's own bound.toml."""
    cache = Path.home() / ".cache/toy"
    for name in ("tokenizer/ranks.txt", "tokenizer/token_bytes.txt", "data/shard_9.bin"):
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).write_text(f"{name}\n")
    if "laws" not in templates:
        project.write({"bound.toml": fifteen_rules(), ".gitignore": IGNORED})
        bless(project.path / "bound.toml")
        project.commit("all the rules")
        kept = tmp_path_factory.mktemp("template") / "laws"
        templates["laws"] = shutil.copytree(project.path, kept, symlinks=True)
    shutil.rmtree(project.path)
    shutil.copytree(templates["laws"], project.path, symlinks=True)
    project.git("update-index", "-q", "--refresh")
    return project


#: The part of the original's .gitignore that matters here.
IGNORED = "__pycache__/\n*.py[oc]\n.venv\nrun.log\nresults.tsv\n"


def fifteen_rules():
    """Return this repository's bound.toml, for a project at the top of its repository."""
    text = OWN_BOUND.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^(root|within|prepare) .*\n", "", text)
    data = ", ".join(f'"{glob}"' for glob in DATA)
    text, profiles = re.subn(r"(?m)^data = .*", f"data = [{data}]", text)
    assert profiles == 2
    return text


@pytest.fixture
def recorded(project):
    """``recorded("keep", 1.7)``: record a run as the supervisor does; return its record.

    ``row`` is the ledger's line; "" writes none. Everything else is a key of the record.
    """

    def recorded(status="keep", value=2.0, *, row=None, **facts):
        journal = Journal(project.path / ".git")
        path = project.path / "results.tsv"
        facts = {
            "run": f"{len(journal.records()):012x}",
            "time": "2025-01-01T00:00:00+00:00",
            "commit": project.git("rev-parse", "HEAD"),
            "description": project.git("show", "-s", "--format=%s", "HEAD"),
            "code_size": 100,
            "trust": project.git("rev-list", "-1", "HEAD", "--", "bound.lock"),
            "metric": "val_bpb",
            "device": "cpu",
            "budget": 20.0,
            "clock": "cpu",
            "tolerance": 0.4,
            "rehearsal": False,
            "worktree": "",
            "branch": project.git("branch", "--show-current"),
            "ledger_rows": len(ledger.read(path, "val_bpb").rows),
            **facts,
        }
        if facts.get("gain") is not None and status != "crash":
            facts["best"] = value + facts["gain"]
        journal.append(from_json({"event": "started", **facts}))
        measured = {
            "outcome": "crash" if status == "crash" else "ok",
            "value": value,
            "claimed": value,
            "val_bpb": None if status == "crash" else value,
            "evaluations": 1,
            "window_seconds": 20.0,
            "status": status,
            "reason": {"keep": "improved", "discard": "worse"}.get(status, "crash"),
            "best": None,
            "best_code_size": None,
            "gain": None,
            "margin": 0.0,
        }
        whole = {**measured, **facts}
        run = from_json({"event": "finished", "row": "", **whole})
        written = journal.append(replace(run, row=row_of(run)))
        if row != "":
            lock = journal.folder / "ledger.lock"
            ledger_writer.append(path, entry_of(written), metric="val_bpb", lock=lock)
        return written

    return recorded


@pytest.fixture
def on_the_path(tmp_path, monkeypatch):
    """Put the ``python`` and ``pytest-ouro`` of the tests on PATH."""
    folder = tmp_path / "on-the-path"
    folder.mkdir()
    for name, command in (("python", ""), ("pytest-ouro", "-I -m pytest_ouro")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
