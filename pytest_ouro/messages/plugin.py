"""Errors of the pytest plugin: its options, its hook, and pytest's configuration.

Those about options are raised as ``pytest.UsageError(str(error))``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import BoundError, ExperimentError, OuroError
from pytest_ouro.core.finding import several

if TYPE_CHECKING:
    from pathlib import Path


def parallel_tests(task: str) -> OuroError:
    """Runs are asked for, by the option ``task``, in a session that pytest-xdist spreads over
    processes (``-n``, ``--dist``)."""
    return OuroError(
        f"{task} cannot be used with -n or --dist: a device has one run at a time",
        help="add -n0 --dist=no, also where addopts or PYTEST_ADDOPTS sets them",
    )


def changed_variable(name: str) -> OuroError:
    """A conftest.py, an ini file or another plugin set or removed the variable that says where
    records are kept: the user alone says that."""
    return OuroError(
        f"{name} was changed after pytest started, by the project's configuration or a plugin",
        help=f"set it where you start pytest, such as: export {name}=~/ouro-records",
    )


def two_tasks(one: str, other: str) -> OuroError:
    """Two options that ask for runs are given together."""
    return OuroError(
        f"{one} and {other} cannot be used together: a session carries out one of them",
        help="call pytest twice, once with each",
    )


def invalid_pairs(most: int) -> OuroError:
    """``--ouro-pairs`` is below 2, ``--ouro-looks`` below 0, or one of them above ``most``."""
    return OuroError(
        f"--ouro-pairs must be from 2 to {most}, and --ouro-looks from 0 to {most}",
        help="5 pairs are usual: pytest --ouro-certify --ouro-pairs 5",
    )


def no_revision() -> OuroError:
    """``--ouro-confirm`` is given an empty text, such as that of a variable that is not set."""
    return OuroError(
        "--ouro-confirm names no commit: its argument is empty",
        help="name a kept commit, such as the last one: pytest --ouro-confirm HEAD",
    )


def no_project(target: str) -> OuroError:
    """``--ouro-trackio`` names no project, or a library that is neither trackio nor wandb."""
    return OuroError(
        f"--ouro-trackio must be PROJECT or wandb:PROJECT, not '{target}'",
        help="pytest --ouro-experiment --ouro-trackio my-project",
    )


def not_used(option: str, task: str) -> OuroError:
    """A number of pairs, looks or repeats, or a project of trackio, is given (``option``) with
    ``task``, which makes no use of it."""
    does = {
        "--ouro-confirm": "a confirmation looks after 2, 4 and 8 pairs, and is decided by the "
        "first look that tells",
        "--ouro-ablate": "an ablation is not a look",
    }.get(task, "it makes no pairs")
    if option == "--ouro-repeat":
        does = "it repeats runs by pairs, each with a salt of its own"
    if task in ("--ouro-candidates", "--ouro-engine"):
        once = option == "--ouro-repeat"
        does = "each candidate is run once" if once else "several runs go on at the same time"
    return OuroError(f"{option} cannot be used with {task}: {does}", help=f"leave {option} out")


def no_rehearsal(task: str) -> OuroError:
    """``--ouro-budget`` is given with an option, ``task``, whose runs cannot be rehearsed."""
    return OuroError(
        f"--ouro-budget cannot be used with {task}: its runs have the whole budget",
        help="leave --ouro-budget out",
    )


def audit_alone(task: str) -> OuroError:
    """``--ouro-audit`` and an option that asks for runs, ``task``, are given together."""
    return OuroError(
        f"--ouro-audit reads a past run, and cannot be used with {task}, which makes one",
        help="call pytest twice, once with each",
    )


def audited_configuration(file: str) -> OuroError:
    """``--ouro-audit`` is about the repository whose ``file`` has configured this session of
    pytest: it could load a plugin of the audited project."""
    return OuroError(
        "--ouro-audit reads no configuration of the audited repository, and pytest has read one: "
        f"{file}",
        help="call pytest in a folder outside of the repository, and name it by an equals sign: "
        "pytest --ouro-audit=PATH; or audit without pytest: pytest-ouro audit PATH",
    )


def not_carried_out() -> OuroError:
    """Runs are asked for with ``--setup-only`` or ``--setup-plan``, by which pytest calls no
    test."""
    return OuroError(
        "--setup-plan and --setup-only keep pytest from running the experiment",
        help="leave them out, also where addopts or PYTEST_ADDOPTS sets them",
    )


def bound_missing(path: Path, task: str) -> OuroError:
    """Runs are asked for by the option ``task``, and there is no file at ``path``, where bound.toml
    should be."""
    return OuroError(
        f"{task} needs {path}, which does not exist",
        help="state the rules: pytest-ouro init, or name the file: --ouro-bound PATH",
    )


def invalid_device(device: str, source: str) -> OuroError:
    """The ini key ``ouro_device`` is not the name of a device. ``source`` is the ini file."""
    return OuroError(
        f"ouro_device in {source} is '{device}': it must be auto, cpu or cuda",
        help=f"fix ouro_device in {source}",
    )


def invalid_budget() -> OuroError:
    """``--ouro-budget`` is 0, negative or not a number."""
    return OuroError(
        "--ouro-budget must be more than 0 seconds",
        help="give the seconds of training: --ouro-budget 5",
    )


def invalid_repeat() -> OuroError:
    """``--ouro-repeat`` is less than 1."""
    return OuroError(
        "--ouro-repeat must be 1 or more", help="give the number of runs: --ouro-repeat 3"
    )


def unusable_checks(problems: list[str]) -> BoundError:
    """An implementation of the hook ``pytest_ouro_checks`` returns something other than a mapping,
    gives an object that is not a check, or gives a name that another check has. Each problem names
    the plugin."""
    return BoundError(
        tuple(problems),
        help="fix pytest_ouro_checks there: it returns {name: a class derived from "
        "pytest_ouro.Check}, with names of its own",
    )


def outside_configuration(files: list[str]) -> ExperimentError:
    """Runs are asked for, and pytest uses an ini file, root folder or conftest.py (``files``) from
    outside of the repository."""
    return ExperimentError(
        f"{several(files)} would configure the experiment from outside of the repository",
        help="remove it unless you put it there on purpose, or leave it out: pytest "
        f"--ouro-experiment -c {os.devnull} --rootdir=. --confcutdir=.",
    )
