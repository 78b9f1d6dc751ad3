"""pytest's configuration from outside of the repository, which must not steer a run unasked.

Where a repository has no ini file pytest looks for one in the folders above, and takes the root
folder and the conftest.py files that go with it. No rule looks at them, and any program of the same
user can write them. What the command line or PYTEST_ADDOPTS names is a person's choice.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.core.errors import ExperimentError, GitError
from pytest_ouro.core.finding import several
from pytest_ouro.evidence.git.client import Git

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

CONFTEST = "conftest.py"
#: Options by which a person names a place of pytest's configuration.
_NAMING = ("--config-file", "--rootdir", "--confcutdir", "--ouro-bound")


def demand_own(config: pytest.Config, top: Path | None = None) -> None:
    """ExperimentError names what would steer a run from outside of the repository.

    ``top`` is the repository's top folder, found where it is not given.
    """
    top = top or _top(config)
    if top is not None and (found := outside(config, top)):
        raise ExperimentError(
            f"{several(found)} would steer it from outside of the repository",
            help="remove what nobody put there on purpose, or leave it out: pytest "
            f"--ouro-experiment -c {os.devnull} --rootdir=. --confcutdir=.",
        )


def outside(config: pytest.Config, top: Path) -> list[str]:
    """The ini file, the root folder and the conftest.py files that pytest uses or is about to use,
    that lie outside of the repository at ``top``, and that no person named."""
    words = _Words(config)
    top = top.resolve()
    found = []
    ini = config.inipath
    if ini and not _inside(ini, top) and not words.name(ini, ini.parent):
        found.append(ini)
    elif not _inside(config.rootpath / NAME, top) and not words.name(config.rootpath):
        setup = config.rootpath / "setup.py"  # by which pytest takes a folder above as the root
        found.append(setup if setup.is_file() else config.rootpath)
    files = dict.fromkeys([*_above(config, top), *_loaded(config)])
    found += [f for f in files if not _inside(f, top) and not words.name(f, *f.parents)]
    return [os.path.relpath(path, config.invocation_params.dir) for path in found]


def _top(config: pytest.Config) -> Path | None:
    """The top folder of the repository that is meant: that of a bound.toml which a person named,
    of the present folder, or of the bound.toml that the configuration names; None for none."""
    named = [bound.parent for bound in _Words(config).bounds()]
    steered = Path(config.rootpath, config.getini("ouro_bound") or NAME).parent
    for folder in (*named, config.invocation_params.dir, steered):
        try:
            return Git.discover(folder).top
        except GitError:  # whoever opens the rules says what is wrong
            continue
    return None


class _Words:
    """The command line and PYTEST_ADDOPTS: what a person said, and no ini file."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        given = [str(arg) for arg in config.invocation_params.args]
        given += shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
        self._said = [path for word in given if (path := self._path(word))]

    def _path(self, word: str) -> Path | None:
        """The path that a word may name: ``-cFILE``, ``--rootdir=PATH``, a node id, or a file."""
        option, _, value = word.partition("=")
        if option in _NAMING:
            return self._absolute(value)
        named = word.removeprefix("-c").split("::")[0]
        return None if named.startswith("-") or not named else self._absolute(named)

    def _absolute(self, text: str) -> Path:
        return Path(self._config.invocation_params.dir, text).resolve()

    def bounds(self) -> list[Path]:
        """The files of rules that were named."""
        option = self._config.known_args_namespace.ouro_bound
        also = self._absolute(option) if option else None
        return [p for p in self._said if (p.name == NAME or p == also) and p.is_file()]

    def name(self, *paths: Path) -> bool:
        """Whether one of the paths was named."""
        return any(path.resolve() in self._said for path in paths)


def _inside(path: Path, top: Path) -> bool:
    """Whether a file, itself not followed if it is a link, lies in the working tree."""
    return top in (path.parent.resolve() / path.name).parents


def _above(config: pytest.Config, top: Path) -> Iterator[Path]:
    """The conftest.py files of the folders above, as far as pytest looks for them."""
    known = config.known_args_namespace
    if known.noconftest:
        return
    cut = Path(config.invocation_params.dir, known.confcutdir).resolve()
    for folder in top.parents:
        if folder not in cut.parents and (folder / CONFTEST).is_file():
            yield folder / CONFTEST


def _loaded(config: pytest.Config) -> Iterator[Path]:
    """The conftest.py files that are loaded, without those of installed packages."""
    for plugin in config.pluginmanager.get_plugins():
        file = Path(getattr(plugin, "__file__", None) or "")
        if file.name == CONFTEST and not {"site-packages", "dist-packages"} & set(file.parts):
            yield file
