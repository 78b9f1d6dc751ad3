"""Write the page and its picture to files."""

from __future__ import annotations

import datetime
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.messages import command_line as messages
from pytest_ouro.report.html.endings import PAGES, REPORTS
from pytest_ouro.report.page.collect import collect
from pytest_ouro.report.page.render import draw, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.report.page.source import Source

#: The files in the git folder that are written if none is named.
PAGE, PICTURE = "report.html", "progress.svg"


def write_report(source: Source, files: Sequence[Path], *, raw: bool = False) -> list[Path]:
    """Write the page to each of the ``files`` that ends in .html or .htm, and the picture to those
    in .svg or .png; without files, both into the git folder. Return the paths. What is private is
    redacted unless ``raw``. Raise OuroError for another ending, before anything is written; also if
    a file cannot be written, or the library for a .png is missing: then the files before it
    stay."""
    demand_endings(files)
    made = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    facts = collect(source, made=made, raw=raw)
    folder = source.journal.folder
    written = []
    for path in files or (folder / PAGE, folder / PICTURE):
        ending = path.suffix.lower()
        text = render(facts, raw=raw) if ending in PAGES else draw(facts, raw=raw)
        data = text.encode(errors="backslashreplace")
        if ending == ".png":
            data = _to_png(data)
        _write(path, data, private=not files, source=source)
        written.append(path)
    return written


def describe_written(source: Source, written: Sequence[Path]) -> list[str]:
    """Return a line for each written file, and, if a rule of the kind ``scope`` is there, one more
    for those in the working tree that are new to git and not ignored, which that rule takes for an
    edit. Raise OuroError if git fails."""
    lines = [f"ouro: written: {path}" for path in written]
    top = source.git.top.resolve()
    inside = [str(path) for path in (one.resolve() for one in written) if path.is_relative_to(top)]
    if inside and source.bound and any(rule.check == "scope" for rule in source.bound.rules):
        words = ("ls-files", "--others", "--exclude-standard", "-z", "--", *inside)
        new = run_git(*words, cwd=top).decode(errors="replace").rstrip("\0").replace("\0", ", ")
        if new:
            lines.append(
                f"ouro: new to git: {new}: a rule of scope refuses the next run while it is there; "
                f"write it elsewhere, as to ../{Path(inside[0]).name}"
            )
    return lines


def _to_png(picture: bytes) -> bytes:
    """Return a picture as PNG, twice as wide as it is. Raise OuroError if the library for that is
    not installed."""
    try:
        from cairosvg import svg2png
    except (ImportError, OSError):  # OSError: the library that it calls is not there
        raise messages.no_png() from None
    found: bytes = svg2png(bytestring=picture, scale=2)
    return found


def demand_endings(files: Sequence[Path]) -> None:
    """Raise OuroError for the first file whose name has none of the endings `REPORTS`, in small or
    capital letters."""
    for path in files:
        if path.suffix.lower() not in REPORTS:
            raise messages.unknown_ending(path, REPORTS)


def _write(path: Path, data: bytes, *, private: bool, source: Source) -> None:
    """Replace a file, in one step. With ``private`` it goes into our folder in the git folder,
    which is made if need be, and is for this user alone. Raise OuroError if it cannot be written,
    or if what is there is a folder, a pipe or a device."""
    try:
        if private:
            make_folder(source.journal.common_dir, source.journal.folder.name)
            write_whole(source.journal.folder, path.name, data, mode=0o600)
        else:
            whole = Path(os.path.abspath(path))  # noqa: PTH100 - links are not followed
            if whole.exists() and not whole.is_file():
                raise OSError(errno.EINVAL, "it is not a regular file")
            write_whole(whole.parent, whole.name, data)
    except OSError as error:
        raise messages.unusable_file(str(path), error.strerror or str(error)) from None
