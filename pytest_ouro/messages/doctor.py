"""Errors of the doctor: the project's interpreter, and the selftest."""

from __future__ import annotations

from pytest_ouro.core.errors import ExperimentError, OuroError


def no_python(command: str, reason: str) -> ExperimentError:
    """The command that ``python`` in bound.toml names does not start a Python interpreter, or that
    does not answer in time."""
    return ExperimentError(
        f"'{command}' starts no Python: {reason}",
        help="install it, or fix 'python' in bound.toml",
    )


def no_environment() -> ExperimentError:
    """``python`` in bound.toml begins with ``uv run``, and there is no .venv yet: uv would install
    one, which the doctor must not cause."""
    return ExperimentError("there is no .venv yet, and uv run would install one", help="uv sync")


def selftest_interrupted() -> OuroError:
    """The selftest was ended by Ctrl-C."""
    return OuroError(
        "interrupted: the selftest is not complete", help="pytest-ouro doctor --selftest"
    )
