"""The project's own environment: which distributions lie in it. Nothing is imported from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: What every environment holds, and what brought us here: never a dependency of an experiment.
TOOLS = frozenset({"pip", "setuptools", "wheel", "uv", "pytest-ouro"})

_INFO = r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info\Z"


def installed(folders: list[Path]) -> dict[str, str]:
    """Normalised names and versions of what the first ``.venv`` among ``folders`` holds.

    Empty where there is none: an environment elsewhere is not the repository's.
    """
    for folder in folders:
        if not (folder / ".venv").is_dir():  # patterns cost more than this question
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
    """A distribution's name as registries compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
