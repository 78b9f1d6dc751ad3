"""Find pytest configuration outside the repository, which must not affect a run by accident.

If a repository has no ini file, pytest searches the folders above it, and uses the root folder and
the conftest.py files found there. No rule checks those, and any program of the same user can write
them. Configuration named on the command line or in PYTEST_ADDOPTS is a person's choice.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.evidence.git.special_files import find_top
from pytest_ouro.messages import plugin as messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

CONFTEST = "conftest.py"
#: Options by which a person names a path of pytest's configuration.
_NAMING = ("--config-file", "--rootdir", "--confcutdir", "--ouro-bound")


def refuse_outside_config(config: pytest.Config, top: Path | None = None) -> None:
    """Raise ExperimentError if pytest uses configuration (an ini file, a root folder or a
    conftest.py) from outside the repository that is named neither on the command line nor in
    PYTEST_ADDOPTS: what is named there is a person's choice. Otherwise do nothing.

    ``top`` is the repository's top folder; None to search for it. Without a repository, do nothing.
    """
    top = top or _find_top(config)
    if top is not None and (found := find_outside_config(config, top)):
        raise messages.outside_configuration(found)


def find_outside_config(config: pytest.Config, top: Path) -> list[str]:
    """Return the files and folders that configure pytest, lie outside the repository at ``top``,
    and were not named by a person, as by their folder; [] if there are none. They are the ini file,
    or else the root folder (or its setup.py), and conftest.py files. The paths are relative to the
    folder in which pytest was started."""
    named = _NamedPaths(config)
    top = top.resolve()
    found = []
    ini = config.inipath
    if ini and not _is_inside(ini, top) and not named.has(ini, ini.parent):
        found.append(ini)
    elif not _is_inside(config.rootpath / NAME, top) and not named.has(config.rootpath):
        setup = config.rootpath / "setup.py"  # makes pytest use that folder as the root
        found.append(setup if setup.is_file() else config.rootpath)
    files = dict.fromkeys([*_find_above(config, top), *_find_loaded(config)])
    found += [f for f in files if not _is_inside(f, top) and not named.has(f, *f.parents)]
    return [os.path.relpath(path, config.invocation_params.dir) for path in found]


def _find_top(config: pytest.Config) -> Path | None:
    """Return the top folder of the repository that contains, in this order, a bound.toml that a
    person named, the folder in which pytest was started, or the bound.toml that an ini file names
    (or that of the root folder, if none does). None if none of them is in a repository."""
    named = [bound.parent for bound in _NamedPaths(config).bounds()]
    configured = Path(config.rootpath, config.getini("ouro_bound") or NAME).parent
    for folder in (*named, config.invocation_params.dir, configured):
        if top := find_top(folder):
            return top
    return None


class _NamedPaths:
    """The paths that a person named on the command line or in PYTEST_ADDOPTS."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        given = [str(arg) for arg in config.invocation_params.args]
        given += shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
        self._paths = [path for word in given if (path := self._path(word))]

    def _path(self, word: str) -> Path | None:
        """Return the absolute path that a word of the command line names: the file of ``-cFILE``,
        the value of ``--rootdir=PATH`` and the other options in ``_NAMING`` (without ``=PATH``, the
        folder in which pytest was started), the file of a node id, or the word itself if it is not
        an option. None for every other option."""
        option, _, value = word.partition("=")
        if option in _NAMING:
            return self._absolute(value)
        named = word.removeprefix("-c").split("::")[0]
        return None if named.startswith("-") or not named else self._absolute(named)

    def _absolute(self, text: str) -> Path:
        """Return a path, from the folder in which pytest was started, with its links followed."""
        return Path(self._config.invocation_params.dir, text).resolve()

    def bounds(self) -> list[Path]:
        """Return those of the files that a person named that exist and are a bound: they are called
        bound.toml, or are the file of ``--ouro-bound``."""
        option = self._config.known_args_namespace.ouro_bound
        also = self._absolute(option) if option else None
        return [p for p in self._paths if (p.name == NAME or p == also) and p.is_file()]

    def has(self, *paths: Path) -> bool:
        """Return whether a person named one of these paths, which are compared with their links
        followed."""
        return any(path.resolve() in self._paths for path in paths)


def _is_inside(path: Path, top: Path) -> bool:
    """Return whether a file lies below ``top``, a folder with its links followed. Links among the
    file's folders are followed; if the file itself is a link, the place of the link counts."""
    return top in (path.parent.resolve() / path.name).parents


def _find_above(config: pytest.Config, top: Path) -> Iterator[Path]:
    """Yield the conftest.py files that pytest would load from the folders above ``top``: those in
    its --confcutdir or below that. Nothing with --noconftest."""
    known = config.known_args_namespace
    if known.noconftest:
        return
    cut = Path(config.invocation_params.dir, known.confcutdir).resolve()
    for folder in top.parents:
        if folder not in cut.parents and (folder / CONFTEST).is_file():
            yield folder / CONFTEST


def _find_loaded(config: pytest.Config) -> Iterator[Path]:
    """Yield the conftest.py files that pytest has loaded, except those of installed packages."""
    for plugin in config.pluginmanager.get_plugins():
        name = getattr(plugin, "__file__", None) or ""
        if name.endswith(CONFTEST):
            file = Path(name)
            if file.name == CONFTEST and not {"site-packages", "dist-packages"} & set(file.parts):
                yield file
