"""Find the folder that the user names for the records of several clones: by an environment variable
or by the user's own configuration. No file or setting of a repository is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from pytest_ouro.core.errors import RecordError

#: The environment variable that names the folder.
VARIABLE = "OURO_RECORDS"
#: Its value by which a clone keeps its own records, whatever the configuration names.
OWN = "clone"
#: The key of the configuration that names the folder.
_KEY = "records"


class Named(NamedTuple):
    """The ``folder`` that the user names, absolute and with links resolved, which may not exist;
    and the ``source`` that names it: the variable, or the path of the configuration."""

    folder: Path
    source: str


def find_named() -> Named | None:
    """Return the folder that the user names for shared records; None if none is named, so that
    each clone keeps its own. Raise RecordError if what names it is invalid or cannot be read."""
    stated, source = os.environ.get(VARIABLE), VARIABLE
    if stated is None:
        path = configuration()
        if not path or not os.path.lexists(path):
            return None
        stated, source = _read(path), path
    if stated == OWN or stated is None:
        return None
    folder = os.path.expanduser(stated)  # noqa: PTH111 - it does not raise
    if not os.path.isabs(folder):  # noqa: PTH117 - a text
        raise messages.relative_place(source, stated)
    return Named(Path(os.path.realpath(folder)), source)


def configuration() -> str:
    """Return the path of the user's configuration, ``$XDG_CONFIG_HOME/pytest-ouro/config.toml`` or
    the same below ``~/.config``; the file may not exist. "" if there is no home folder."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # noqa: PTH117 - a text; as the XDG specification asks
        base = os.path.expanduser("~/.config")  # noqa: PTH111 - it does not raise
    return os.path.join(base, "pytest-ouro", "config.toml") if os.path.isabs(base) else ""  # noqa: PTH117, PTH118


def _read(path: str) -> str | None:
    """Return the folder that the configuration at ``path`` names; None if it names none. Raise
    RecordError if it cannot be read, is not valid TOML, has another key, or a value that is not a
    text."""
    from pytest_ouro.evidence import toml  # most users have no configuration
    from pytest_ouro.evidence.content import read_regular

    try:
        found = toml.loads(read_regular(path, limits.SMALL, follow=True).decode())
    except OSError as error:
        raise messages.invalid_configuration(path, error.strerror or str(error)) from None
    except ValueError as error:
        raise messages.invalid_configuration(path, str(error)) from None
    stated = found.pop(_KEY, None)
    if fault := _find_fault(path, found, stated):
        raise fault
    return None if stated is None else str(stated)


def _find_fault(path: str, others: dict[str, object], stated: object) -> RecordError | None:
    """Return the error about a configuration with unknown keys, or whose folder is not a text; None
    if it has no such fault."""
    if others:
        return messages.invalid_configuration(path, f"unknown key '{next(iter(others))}'")
    if stated is not None and not isinstance(stated, str):
        return messages.invalid_configuration(path, f"'{_KEY}' is not a text")
    return None
