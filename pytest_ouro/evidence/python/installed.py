"""List the distributions in the project's own environment, without importing from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Distributions that are in every environment, and ours: never a dependency of an experiment.
TOOLS = frozenset({"pip", "setuptools", "wheel", "uv", "pytest-ouro"})

_INFO = r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info\Z"


def installed(folders: list[Path]) -> dict[str, str]:
    """Return the versions of the distributions in the first ``.venv`` of the ``folders`` that has a
    folder ``site-packages`` (if it has several, of one of them), by normalised names, without
    `TOOLS`. {} if there is no ``.venv`` with one."""
    for folder in folders:
        if not (folder / ".venv").is_dir():  # cheaper than a glob
            continue
        sites = [
            *folder.glob(".venv/lib/python*/site-packages"),
            *folder.glob(".venv/Lib/site-packages"),
        ]
        if sites:
            found = {}
            for info in sites[0].glob("*.dist-info"):
                if match := re.match(_INFO, info.name):
                    found[normal(match["name"])] = match["version"]
            return {name: v for name, v in found.items() if name not in TOOLS}
    return {}


def normal(name: str) -> str:
    """Return a distribution's name as PEP 503 normalises it: ``Py.Test_x`` is ``py-test-x``."""
    return re.sub(r"[-_.]+", "-", name).lower()
