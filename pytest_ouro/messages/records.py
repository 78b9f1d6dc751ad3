"""Errors of records: the journal of runs, and the ledger results.tsv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.advice import start_again
from pytest_ouro.core.errors import LimitError, RecordError
from pytest_ouro.core.escape import quoted

if TYPE_CHECKING:
    from pathlib import Path

#: How to repair the journal from the copy in git, where there is one.
RESTORE = "put back what was recorded: pytest-ouro log --restore"
#: What a person does if git has lost the objects of its copy.
ACCEPT_FILE = "git fsck; a person accepts the file as it is: git update-ref -d refs/ouro/journal"

#: What a person does about a ledger to which no row can be added.
_OR_MOVE = "or move the file out of the repository: the next run starts a new one"


def _remedy(journal: Path, held: str) -> str:
    """Return the help for a damaged journal: the command that restores it if git holds a copy, else
    how a person starts again. ``held`` is the id of git's copy, "" if there is none."""
    return RESTORE if held else start_again(str(journal))


def not_a_run_id(journal: Path, text: str, held: str) -> RecordError:
    """A record names a run by ``text``, which is not 12 hexadecimal digits; it could be a path.

    ``held`` is the id of git's copy of the journal, "" if there is none: the help restores it, or
    says how to start again.
    """
    return RecordError(
        f"{journal}: {text!r:.40} is not the id of a run", help=_remedy(journal, held)
    )


def newer_record(journal: Path, line: int, why: str) -> RecordError:
    """A line of the journal has a later version than this pytest-ouro knows."""
    return RecordError(
        f"{journal}:{line}: written by a later pytest-ouro: {why}",
        help="update pytest-ouro: pip install -U pytest-ouro",
    )


def changed_losses(path: Path) -> RecordError:
    """A file of losses by row is not the one whose digest the run's record has."""
    return RecordError(
        f"{path} is not what was recorded: the losses by row were changed",
        help=f"remove it, no verdict needs it: rm {quoted(str(path))}",
    )


def unknown_losses(path: Path, why: str) -> RecordError:
    """A file of losses by row has the recorded digest, but not the format that is known here."""
    return RecordError(f"{path}: {why}", help="update pytest-ouro: pip install -U pytest-ouro")


def damaged_record(journal: Path, line: int, why: str, held: str) -> RecordError:
    """A line of the journal is not JSON, or has a key that is missing or of another type.

    ``held`` is the id of git's copy of the journal, "" if there is none: the help restores it, or
    says how to start again.
    """
    return RecordError(
        f"{journal}:{line}: not a record of a run: {why}", help=_remedy(journal, held)
    )


def altered_journal(
    journal: Path, line: int, headline: str, expected: str, actual: str, remedy: str
) -> RecordError:
    """The journal is not what was recorded: lines were changed, added or removed, two lines
    contradict each other, or git's copy cannot be read.

    ``headline`` says what is wrong with line ``line``, and ``remedy`` is the help. ``expected`` and
    ``actual`` are what was compared; ``expected`` is "" if nothing was.
    """
    counts = f" (expected {expected}, not {actual})" if expected else ""
    return RecordError(f"{journal}:{line}: {headline}{counts}", help=remedy)


def no_copy(journal: Path, *, there: bool) -> RecordError:
    """``pytest-ouro log --restore`` finds no copy of the journal in git. ``there`` is whether the
    journal's file exists; if it does not, the help is to record a run."""
    again = start_again(str(journal))
    return RecordError(
        f"git holds no copy of {journal}: there is nothing to restore",
        help=again if there else "record a run: pytest --ouro-experiment",
    )


def unwritable_journal(journal: Path, why: str) -> RecordError:
    """The operating system refuses to write the journal, a lock or reserved space beside it, or its
    copy in git. ``journal`` is the path that the headline names."""
    return RecordError(
        f"{journal} cannot be written: {why}",
        help="free some space or fix the permissions: no run is made without its record",
    )


def unreadable_journal(journal: Path, why: str) -> RecordError:
    """The operating system refuses to read the journal, which is there."""
    return RecordError(
        f"{journal} cannot be read: {why}",
        help="fix its permissions, or move it away to start again",
    )


def journal_not_a_file(journal: Path, kind: str, held: str) -> RecordError:
    """A folder, a link, a pipe or another special file (``kind``) has the journal's name. ``held``
    is the id of git's copy of the journal, "" if there is none: the help restores it, or says how
    to start again."""
    return RecordError(
        f"{journal} cannot be read: it is not a regular file but {kind}",
        help=_remedy(journal, held),
    )


def journal_too_large(journal: str, size: int, limit: int) -> LimitError:
    """The journal has more bytes than the limit."""
    return LimitError(
        f"{journal} has {size} bytes: it was not read, at most {limit} are",
        help=start_again(journal),
    )


def no_folder_of_records(folder: Path) -> RecordError:
    """A file or a link has the name of the folder that holds the journal."""
    return RecordError(
        f"{folder} is not a folder: the journal cannot be in it",
        help=f"find out what put it there, then remove it: rm {quoted(str(folder))}; "
        "then pytest-ouro log --restore, if runs were recorded",
    )


def relative_place(source: str, stated: str) -> RecordError:
    """OURO_RECORDS, or ``records`` in the user's configuration (``source``), names the folder of
    shared records by a path that is empty or relative, and so another one in each clone."""
    return RecordError(
        f"{source} names '{stated}', which is not an absolute path",
        help="name one folder for all clones, such as OURO_RECORDS=~/ouro-records; or "
        "OURO_RECORDS=clone, and each clone keeps its own records",
    )


def invalid_configuration(path: str, why: str) -> RecordError:
    """The user's own configuration cannot be read, or has more than the folder of shared
    records."""
    return RecordError(
        f"{path}: {why}", help='its only line is one such as: records = "~/ouro-records"'
    )


def no_place(folder: Path, source: str) -> RecordError:
    """The folder that ``source`` names for shared records does not exist. It is not made, since its
    disk may be missing: each clone would then begin other records."""
    return RecordError(
        f"{folder}, which {source} names for shared records, does not exist",
        help=f"mount its disk; or make a new one: mkdir -m 700 {quoted(str(folder))}",
    )


def unusable_place(folder: Path, source: str, why: str) -> RecordError:
    """The folder that ``source`` names for shared records cannot be used, as when it is not a
    folder, or this user may not write in it."""
    return RecordError(
        f"{folder}, which {source} names for shared records, cannot be used: {why}",
        help="name a folder of your own that you may read and write",
    )


def foreign_place(folder: Path, owner: int, user: int) -> RecordError:
    """The folder of shared records, or that of the project in it, belongs to another user: who owns
    it could change every record."""
    return RecordError(
        f"{folder} belongs to user {owner}, and shared records are for clones of one user, {user}",
        help="name a folder of your own: OURO_RECORDS=~/ouro-records",
    )


def place_in_repository(folder: Path, source: str) -> RecordError:
    """The folder of shared records, or the configuration that names it, lies in a repository that
    is judged, which could bring it along."""
    return RecordError(
        f"{folder}, which {source} names for shared records, lies in the repository itself",
        help="name a folder outside of every clone: OURO_RECORDS=~/ouro-records",
    )


def place_of_one_project(folder: Path, above: Path) -> RecordError:
    """The folder that is named for shared records is that of one project in such a folder,
    ``above``."""
    return RecordError(
        f"{folder} has the records of one project, and the folder for all of them is asked",
        help=f"name the folder above it: OURO_RECORDS={quoted(str(above))}",
    )


def other_project(folder: Path, project: str, found: str) -> RecordError:
    """The folder of the project that begins with the commit ``project`` states another project
    (``found``), or none: it was renamed or copied, or another program made it."""
    stated = f"those of the project that begins with {found:.12}" if found else "something else"
    return RecordError(
        f"{folder} has {stated}, not the records of the project that begins with {project:.12}",
        help=f"find out what put it there, then move it away: mv {quoted(str(folder))} "
        f"{quoted(str(folder) + '.other')}",
    )


def shallow_project(folder: Path) -> RecordError:
    """A shallow clone is to share records: it lacks the first commit, by which a project is
    known."""
    return RecordError(
        f"a shallow clone cannot share the records in {folder}: its first commit is missing",
        help="git fetch --unshallow",
    )


def records_elsewhere(mark: Path) -> RecordError:
    """This clone shares its records with others (the file ``mark`` says so), and nothing names
    their folder now. To go on with records of its own would forget all that was tried."""
    return RecordError(
        "the records of this clone are shared, and nothing names their folder",
        help="set OURO_RECORDS to the folder that the other clones use; or, to leave it for good: "
        f"rm {quoted(str(mark))}",
    )


def damaged_mark(mark: Path) -> RecordError:
    """The file that says how a clone is called in shared records has another form."""
    return RecordError(
        f"{mark} does not say how this clone is called in shared records",
        help=f"remove it, and the clone joins them again: rm {quoted(str(mark))}",
    )


def unknown_clone(folder: Path, mark: Path) -> RecordError:
    """The file ``mark`` says that this clone shares its records, and ``folder`` does not know the
    clone: another folder is meant, or the file came with a copy of somebody's clone."""
    return RecordError(
        f"this clone shares its records with others, and not by {folder}",
        help="set OURO_RECORDS to the folder that it used before; or, to join this one: "
        f"rm {quoted(str(mark))}",
    )


def own_records(journal: Path, folder: Path) -> RecordError:
    """A clone with records of its own is to share those in ``folder``, which other clones have
    begun. Two journals cannot become one: each line names the one before."""
    return RecordError(
        f"this clone has records of its own ({journal}), and those in {folder} have begun",
        help=f"a person sets its own aside: mv {quoted(str(journal))} "
        f"{quoted(str(journal) + '.own')}; git update-ref -d refs/ouro/journal",
    )


def run_before_joining(process: int) -> RecordError:
    """A clone is to join shared records while a run goes on that began with its own: its end would
    be missing there."""
    return RecordError(
        f"a run of this clone goes on that its own records have (process {process})",
        help="let it end first; then this clone joins the shared records",
    )


def uncopied_commit(commit: str, folder: Path, why: str) -> RecordError:
    """A commit that is to be tried cannot be copied to the shared records, where other clones find
    it: this clone lacks a part of it or of its history, or the disk refuses it."""
    return RecordError(
        f"{commit:.7} cannot be copied to the shared records in {folder}: {why}",
        help="fetch what this clone lacks (git fetch --refetch), or free some space",
    )


def ledger_not_a_file(ledger: Path, kind: str) -> RecordError:
    """A folder, a pipe or another special file (``kind``), or a link to one, has the ledger's
    name."""
    return RecordError(
        f"{ledger} cannot be read: it is not a regular file but {kind}",
        help=f"keep elsewhere what you need of it, then: rm -r {quoted(str(ledger))}",
    )


def unreadable_ledger(ledger: Path, why: str) -> RecordError:
    """A ledger cannot be read, for the reason ``why``."""
    return RecordError(f"{ledger} cannot be read: {why}", help="fix its permissions")


def ledger_without_header(ledger: Path, line: int, width: int) -> RecordError:
    """The ledger has no header, and its first row, at ``line``, has ``width`` columns, not the five
    of a ledger that pytest-ouro starts."""
    return RecordError(
        f"{ledger}:{line}: no header names the columns, and a row has {width}, not 5",
        help=f"write a header above line {line}, {_OR_MOVE}",
    )


def ledger_lacks_column(
    ledger: Path, line: int, lacks: list[str], names: tuple[str, ...]
) -> RecordError:
    """The ledger has no column for the commit, or none for the metric of the bound: ``lacks`` are
    the names of those that are missing, ``names`` all that the header in ``line`` has."""
    columns = ", ".join(names) or "none"
    return RecordError(
        f"{ledger}:{line}: no column is named {' or '.join(lacks)}: a row could not say of which "
        f"run it is; the columns are: {columns}",
        help=f"name that column {' and '.join(lacks)} in line {line}, {_OR_MOVE}",
    )


def unwritable_ledger(ledger: Path, why: str) -> RecordError:
    """The operating system refuses to add a row to the ledger; the row's run is in the journal."""
    return RecordError(
        f"{ledger} cannot be written: {why}",
        help="free some space or fix the permissions; the journal holds the run, and the "
        "next run writes its row",
    )


def no_ledger_at(path: str) -> RecordError:
    """``--ledger`` names a file that is neither on the disk nor in any commit of the history."""
    return RecordError(
        f"no file {path}: neither on the disk nor in a commit of the history",
        help="name the table of results by a path from the repository's top: --ledger PATH",
    )


def nothing_to_audit(subject: str, faults: list[str]) -> RecordError:
    """The repository has no table of results, in the working tree or in any commit, so that nothing
    says what was tried. ``faults`` say which files look like one and cannot be read; the first two
    are shown."""
    also = f" ({'; '.join(faults[:2])})" if faults else ""
    return RecordError(
        f"{subject}: no table of results in the working tree or in the history{also}",
        help="name it: pytest-ouro audit --ledger PATH",
    )


def no_column(ledger: str, metric: str, columns: list[str]) -> RecordError:
    """``audit --metric``: the header of the ledger has no column for that metric."""
    return RecordError(
        f"{ledger}: no column is named {metric}; the columns are: {', '.join(columns)}",
        help="name one of them: --metric NAME",
    )


def no_row(path: str) -> RecordError:
    """The ledger that was named or found has no row that can be read as a result."""
    return RecordError(
        f"{path}: no row can be read as the result of an experiment",
        help="name another table: pytest-ouro audit --ledger PATH",
    )
