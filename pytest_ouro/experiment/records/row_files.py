"""Write the files of losses by row, which lie beside the journal."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.plain_file import make_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.row_losses import Kind
    from pytest_ouro.evidence.records.run_record import MeasuredRun


def store(
    journal: Journal,
    measured: MeasuredRun,
    losses: Mapping[str, bytes],
    say: Callable[[str], None],
) -> MeasuredRun:
    """Write the ``losses`` by row of a measurement to the files of its run, and return ``measured``
    with their SHA-256 digests. A digest is "" if there are no losses of its kind, or if its file,
    or one before it, cannot be written: then a line with the reason is passed to ``say``.

    Raise RecordError if the record has no valid id.
    """
    digests = {"rows": "", "vault": ""}
    kinds: tuple[Kind, ...] = ("rows", "vault")
    for kind in kinds:
        if not (content := losses.get(kind)):
            continue
        from pytest_ouro.evidence.records.row_losses import FOLDER, path_of

        path = path_of(journal, measured.run, kind)
        try:
            make_folder(journal.common_dir, f"{journal.folder.name}/{FOLDER}")
            write_whole(path.parent, path.name, content, mode=0o600)
        except OSError as error:
            say(f"ouro: the losses by row are not stored: {path}: {error.strerror or error}")
            break
        digests[kind] = hashlib.sha256(content).hexdigest()
    return replace(measured, row_losses=digests["rows"], vault_losses=digests["vault"])
