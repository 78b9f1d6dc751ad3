"""Make and remove temporary folders, whatever a script has left in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def temporary() -> Iterator[Path]:
    """Make and yield a new folder for this user alone, and remove it with its content when the
    context ends, with an exception too.

    What cannot be removed is left. Raise ExperimentError if the folder cannot be made.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="ouro-", ignore_cleanup_errors=True)
    except OSError as error:
        raise messages.no_temporary_folder(error.strerror or str(error)) from None
    try:
        yield Path(folder.name)
    finally:
        try:
            folder.cleanup()
        except RecursionError:
            _remove_deep(folder.name)


def remove(folder: Path) -> None:
    """Remove a folder and all in it, and raise nothing: what cannot be removed stays, and so does a
    file or link that is at its path."""
    if not os.path.lexists(folder):
        return
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        _remove_deep(str(folder))


def _remove_deep(folder: str) -> None:
    """Remove a folder whose subfolders are nested too deeply for shutil.rmtree, by the program
    ``rm``; raise nothing, and leave what cannot be removed."""
    subprocess.run(["rm", "-rf", "--", folder], stderr=subprocess.DEVNULL, check=False)
