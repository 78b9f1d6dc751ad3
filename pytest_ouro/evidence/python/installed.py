"""List the distributions in the project's ``.venv`` by the names of its files, without importing
from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Distributions that are in every environment, and ours: never a dependency of an experiment.
TOOLS = frozenset({"pip", "setuptools", "wheel", "uv", "pytest-ouro"})

_INFO = r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info\Z"


def installed(folders: list[Path]) -> dict[str, str]:
    """Return the version of each distribution, by normalised name, in the first of ``folders`` that
    has a ``.venv`` with ``site-packages``; {} if there is none. pip, setuptools, wheel, uv and
    pytest-ouro are left out."""
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
    """Normalise a distribution's name as PEP 503 does: ``Py.Test_x`` becomes ``py-test-x``."""
    return re.sub(r"[-_.]+", "-", name).lower()
