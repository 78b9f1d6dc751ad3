"""Read the checks that conftest.py files and plugins give by the hook ``pytest_ouro_checks``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from pytest_ouro.checks import CHECKS, Check, load, provider, registered
from pytest_ouro.messages import plugin as messages

if TYPE_CHECKING:
    import pytest


def read_checks(config: pytest.Config) -> dict[str, type[Check]]:
    """Return a dict from name to class of the checks that conftest.py files and plugins give; {} if
    there are none.

    Raise a BoundError that lists each hook that returns something else than a mapping or nothing,
    each value that is not a class derived from `Check`, and each name that another plugin, a
    package or pytest-ouro gives to a different check.
    """
    hooks = config.hook.pytest_ouro_checks.get_hookimpls()
    if not hooks:  # to read what every installed package registers is costly
        return {}
    found: dict[str, object] = {}
    providers = {name: provider(entries[0]) for name, entries in registered().items()}
    providers |= dict.fromkeys(CHECKS, "pytest-ouro")
    problems = []
    for hook in hooks:
        given: object = hook.function() or {}
        if not isinstance(given, Mapping):
            problems.append(f"{hook.plugin_name}: pytest_ouro_checks does not return a mapping")
            continue
        for name, check in given.items():
            other = providers.setdefault(name, hook.plugin_name)
            if other != hook.plugin_name and check is not found.get(name, _load(name)):
                problems.append(
                    f"{other} and {hook.plugin_name} each have a check {name!r}: "
                    "rename it in one of them"
                )
            elif not (isinstance(check, type) and issubclass(check, Check)):
                words = f"the check {name!r} is not a class derived from pytest_ouro.Check"
                problems.append(f"{hook.plugin_name}: {words}")
            found[name] = check
    if problems:
        raise messages.unusable_checks(problems)
    return cast("dict[str, type[Check]]", found)


def _load(name: str) -> type[Check] | None:
    """Return the class of the check of this name that pytest-ouro or a package has; None if neither
    has one, or it cannot be imported."""
    try:
        return load(name)
    except (ImportError, KeyError):
        return None
