"""Turn any exception into an error for the user, with the traceback in a file."""

from __future__ import annotations

from pytest_ouro.core.errors import OuroError
from pytest_ouro.messages import command_line as messages

#: The reports that are kept; older ones are removed.
_KEPT = 20


def to_error(error: Exception) -> OuroError:
    """Return the error to show for an exception: an OuroError itself, an OSError that names a file
    as an error about that file, and any other as an error of pytest-ouro. For the last, the
    traceback is written to a report, which the error names; it names none if that failed."""
    if isinstance(error, OuroError):
        return error
    if isinstance(error, OSError) and error.filename:
        return messages.unusable_file(str(error.filename), error.strerror or str(error))
    return messages.unforeseen(type(error).__name__, _describe(error), _write(error))


def _describe(error: Exception) -> str:
    """Return the exception's text, cut to 200 characters; "" if it cannot be made."""
    try:
        return str(error)[:200]
    except Exception:  # its own method fails
        return ""


def _write(error: Exception) -> str:
    """Write the traceback to a file for this user alone in the cache folder, and remove all but the
    newest ``_KEPT`` reports. Return the file's path; "" if that fails."""
    import os
    import time
    import traceback

    from pytest_ouro.core.plain_file import write_whole
    from pytest_ouro.evidence.cache import make_cache_folder

    try:
        folder = make_cache_folder("reports")
        path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
        text = "".join(traceback.format_exception(error, limit=-50, chain=False))
        write_whole(folder, path.name, text.encode(errors="backslashreplace"), mode=0o600)
        for old in sorted(folder.glob("*.txt"))[:-_KEPT]:
            old.unlink()
    except Exception:  # the error itself matters more than its report
        return ""
    return str(path)
