"""What the text of code in languages that are not parsed shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.checks._claims.constants import is_limit
from pytest_ouro.evidence.languages import packages, surface

from .small import Small, about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "text", "name", "value"),
    [
        ("a.go", "const MoveMillis = 50\n", "MoveMillis", "50"),
        ("a.go", "var Limit time.Duration = 20 * time.Second\n", "Limit", "20 * time.Second"),
        ("a.jl", "const LIMIT_SECONDS = 20\n", "LIMIT_SECONDS", "20"),
        ("a.rs", "pub const LIMIT: u64 = 20;\n", "LIMIT", "20"),
        ("a.c", "#define TILE 32\n", "TILE", "32"),
        ("a.sh", "export RUNS=15 # of 20\n", "RUNS", "15"),
        ("Makefile", "REPEAT ?= 25\n", "REPEAT", "25"),
    ],
)
def test_constants_are_read(path: str, text: str, name: str, value: str) -> None:
    assert surface.constants(path, text)[name] == value


@pytest.mark.parametrize("name", ["LIMIT_SECONDS", "maxTime", "timeBudget", "MOVE_MILLIS"])
def test_names_of_limits(name: str) -> None:
    assert is_limit(name)


@pytest.mark.parametrize("name", ["MAX_DEPTH", "warmupSeconds", "LIMIT", "time_step_max", "RUNS"])
def test_names_of_other_constants(name: str) -> None:
    assert not is_limit(name)


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("go.mod", "module x\n\nrequire github.com/a/b v1.4.0\n", {"github.com/a/b"}),
        ("package.json", '{"dependencies": {"a": "1"}, "devDependencies": {"b": "2"}}', {"a", "b"}),
        ("Cargo.toml", '[dependencies]\nrand = "0.8"\n', {"rand"}),
        ("Project.toml", '[deps]\nFlux = "1"\n', {"Flux"}),
        ("unknown.toml", "[deps]\n", None),
        ("package.json", "{", None),
    ],
)
def test_declared_packages(path: str, text: str, names: set[str] | None) -> None:
    assert packages.declared(path, text) == names


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("a.go", 'import (\n\t"fmt"\n\t"gopkg.in/yaml.v3"\n)\n', {"gopkg.in/yaml.v3"}),
        ("a.ts", 'import x from "@s/y/z";\nimport fs from "node:fs";\nimport "./b";\n', {"@s/y"}),
        ("a.jl", "using Random, Flux\nimport .Heat\n", {"Flux"}),
        ("a.R", "library(stats)\nlibrary(xgboost)\n", {"xgboost"}),
        ("a.c", "#include <stdio.h>\n", set()),
    ],
)
def test_loaded_packages(path: str, text: str, names: set[str]) -> None:
    assert packages.loaded(path, text) == names


def test_a_loop_in_the_shell_that_reads_the_answers(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    (tmp_path / "train.py").unlink()
    (tmp_path / "prepare.py").unlink()
    loop.write(
        "README.md", "Work in `run.sh`. `check.sh` must not be changed; lower `wall` is better.\n"
    )
    loop.write("check.sh", "LIMIT_SECONDS=60\nsh run.sh | diff - data/gold.txt && echo wall: 1\n")
    loop.write("run.sh", "N=1\nsort data/in.txt\n")
    loop.write("data/gold.txt", "a\nb\n")
    first = loop.save("start")
    loop.header = "commit\twall\tstatus\tdescription"
    loop.log(first, "9.0", "keep", "baseline")
    loop.save("log")
    edits = {
        "more": ("run.sh", "N=2\nsort data/in.txt\n"),
        "answers": ("run.sh", "N=2\ncat data/gold.txt\n"),
        "time": (
            "check.sh",
            "LIMIT_SECONDS=90\nsh run.sh | diff - data/gold.txt && echo wall: 1\n",
        ),
    }
    commits = {}
    for number, (name, (path, text)) in enumerate(edits.items()):
        loop.write(path, text)
        loop.write("run.sh", (tmp_path / "run.sh").read_text() + f"# {name}\n")
        commits[name] = loop.save(name)
        loop.log(commits[name], f"{8.0 - number}", "keep", name)
        loop.save(f"log: {name}")

    found = loop.audit()

    reads = [one for one in about(found, "evaluation") if "data/gold.txt" in one.finding.headline]
    limits = about(found, "budget-exact")
    assert [(one.severity, one.commits[0][:7]) for one in reads] == [("error", commits["answers"])]
    assert [(one.severity, one.commits[0][:7]) for one in limits] == [("error", commits["time"])]
