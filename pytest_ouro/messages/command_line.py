"""Errors of the command line: its options, the files that it names, ``bless`` and ``doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError, OuroError, TrustError
from pytest_ouro.core.finding import several

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def unknown_command(name: str, commands: Iterable[str]) -> OuroError:
    """The first argument of ``pytest-ouro`` is not one of its ``commands``; the headline proposes
    the nearest."""
    from pytest_ouro.core.errors import nearest

    return OuroError(
        f"unknown command '{name}'{nearest(name, commands)}",
        help="pytest-ouro --help lists the commands",
    )


def unknown_argument(word: str) -> OuroError:
    """The gate is called with an argument that only ``--pre-push`` takes."""
    return OuroError(f"unknown argument '{word}'", help="pytest-ouro gate --help")


def unusable_file(path: str, reason: str) -> OuroError:
    """A file cannot be read or written, and nothing else reports it."""
    return OuroError(
        f"{path}: {reason}",
        help="fix that file, its permissions or the disk, and try again",
    )


def no_record(subject: str, folder: str) -> OuroError:
    """``audit --policy``: the commits to be judged change no folder that the policy's glob
    ``folder`` of records matches, or the commit has no parent to be compared with."""
    return OuroError(
        f"{subject}: no record: nothing in it is in a folder {folder}",
        help="name a pull request that adds one, as in BASE..HEAD, or the folder itself",
    )


def no_policy(path: str, reason: str) -> OuroError:
    """``audit --policy``: the file of the policy at ``path`` cannot be read, for this reason."""
    return OuroError(
        f"{path}: {reason}: the policy cannot be read",
        help="name a file with the keys of docs/policies.md: --policy PATH",
    )


def several_records(subject: str, record: str) -> OuroError:
    """``audit --policy``: the folder to be judged is not that of a record, but contains such
    folders, as ``record``."""
    return OuroError(
        f"{subject} contains the folders of records, such as {record}, and is not one itself",
        help="name one of them, or the commits that add a record, as in BASE..HEAD",
    )


def no_bound(folder: Path) -> OuroError:
    """Neither ``folder`` nor one above it, up to the repository's top, has a bound.toml."""
    return OuroError(
        f"no bound.toml in {folder} or above: there are no rules to judge",
        help="state them: pytest-ouro init, or name the file: --bound PATH",
    )


def nothing_judged(rules: list[str]) -> OuroError:
    """Every rule was skipped, so no rule was checked. ``rules`` are texts of the rules, each with
    the reason why it was skipped."""
    return OuroError(
        f"no rule was judged: {several(rules)}",
        help='a person states a rule that can be judged here, such as check = "scope", in '
        "bound.toml, and blesses it: pytest-ouro bless",
    )


def bound_outside(path: Path, folder: Path) -> OuroError:
    """``--bound`` names a file in a folder that does not exist and is not below ``folder``, the
    current one."""
    return OuroError(
        f"{path} is not below {folder}", help="name a file of the repository: --bound PATH"
    )


def nothing_to_judge() -> OuroError:
    """The gate runs in CI on an index, a commit or a push, and nothing in it differs from the
    trusted commit."""
    return TrustError(
        "nothing to judge: there is no change that trust does not contain",
        help="name the base branch's commit and the one to judge: --trust BASE --head REV",
    )


def not_judged(missing: list[str], judged: Iterable[str]) -> OuroError:
    """Rules that ``--expect`` names were skipped or do not exist: ``missing``, in words. ``judged``
    are the ids of the rules that were checked."""
    return OuroError(
        f"not judged, but expected: {several(missing)}",
        help=f"these rules were judged: {', '.join(judged)}",
    )


def disagreement(differences: list[str]) -> OuroError:
    """``gate --pytest``: pytest reports another outcome of a rule than the gate, or not the same
    rules. ``differences`` has a text for each such rule."""
    return OuroError(
        f"pytest and the gate disagree: {several(differences)}",
        help="the gate's own answer stands: pytest-ouro gate",
    )


def no_report(last_line: str) -> OuroError:
    """``gate --pytest``: pytest ended without a report that can be read. ``last_line`` is the last
    of its output."""
    return OuroError(
        f"pytest wrote no report; its last line: {last_line}",
        help="install pytest-ouro where `python -I` finds it",
    )


def unexplained_status(status: int) -> OuroError:
    """``gate --pytest``: pytest's exit status does not fit the outcomes in its report."""
    return OuroError(
        f"pytest ended with status {status}, which its report does not explain",
        help="pytest bound.toml shows what it reports; the gate's own answer: pytest-ouro gate",
    )


def no_rules_to_bless(path: Path) -> OuroError:
    """``bless``: the bound.toml to bless does not exist."""
    return TrustError(
        f"{path} does not exist: there are no rules to bless",
        help="state them: pytest-ouro init, or name the file: --bound PATH",
    )


def script_untracked(script: str) -> OuroError:
    """``bless``: git does not track the script that experiments run (the key ``script`` of the
    bound)."""
    return TrustError(
        f"experiments run {script}, which git does not track",
        help="git add it, or fix 'script' in bound.toml",
    )


def not_blessable(path: str) -> OuroError:
    """``bless``: a file to be blessed, such as one that a rule freezes, is missing, or is a link or
    a directory. ``path`` is "" for the repository's top."""
    return TrustError(
        f"{path or 'the top of the repository'} is not a regular file, so it cannot be blessed",
        help="put a regular file there, or fix its name in bound.toml",
    )


def rule_not_blessable(rule: str, message: str, remedy: str) -> OuroError:
    """``bless``: the files that a rule freezes cannot be listed.

    ``message`` and ``remedy`` are those of the error that says why.
    """
    return TrustError(f"{rule}: {message}", help=remedy)


def unforeseen(kind: str, words: str, report: str) -> OuroError:
    """An exception that nothing else handles: its class ``kind`` and its text ``words``. ``report``
    is the file with its traceback, "" if that could not be written."""
    said = f"{kind}: {words}" if words else kind
    if report:
        return OuroError(
            f"an error of pytest-ouro itself, nothing could be judged: {said}",
            help=f"report it to the developers with {report}",
        )
    return OuroError(
        f"an error of pytest-ouro itself, nothing could be judged: {said}",
        help="set XDG_CACHE_HOME to a folder of yours, where a report can be written, and try "
        "again",
    )


def invalid_days(days: float) -> OuroError:
    """The number of days of ``log --prune`` is negative, infinite or not a number."""
    return OuroError(
        f"--prune must be 0 days or more, not {days:g}", help="pytest-ouro log --prune 30"
    )


def invalid_since(text: str) -> OuroError:
    """``log --since`` states no time."""
    return OuroError(
        f"--since must be a date, a time or a time before now, not '{text:.80}'",
        help="pytest-ouro log --since 2h, or 3d, 07:30, 2026-11-30, 2026-11-30T07:30",
    )


def unknown_name(option: str, name: str, known: list[str]) -> OuroError:
    """``log --branch`` or ``log --metric`` names one that no record has; ``known`` are those that
    records have."""
    from pytest_ouro.core.errors import nearest

    return OuroError(
        f"no run is recorded with the {option} '{name:.80}'{nearest(name, known)}",
        help=f"these are recorded: {', '.join(known[:20])}"
        if known
        else "pytest --ouro-experiment makes the first run",
    )


def no_runs() -> OuroError:
    """``show`` is called before the first run."""
    return OuroError("no run is recorded yet", help="pytest --ouro-experiment makes one")


def unknown_run(name: str, last: list[str]) -> OuroError:
    """``show`` is called with what names neither a run nor a commit. ``last`` has the last runs, in
    words."""
    return OuroError(
        f"'{name:.80}' names no run and no commit",
        help=f"pytest-ouro log lists all runs; the last ones are {', '.join(last)}",
    )


def ambiguous_run(name: str, found: list[str]) -> OuroError:
    """``show`` is called with the start of several ids. ``found`` has the runs, in words."""
    return OuroError(
        f"'{name:.80}' is the start of several ids", help=f"name one of these: {', '.join(found)}"
    )


def not_run(name: str, commit: str) -> OuroError:
    """``show`` is called with a name of a commit that was never run."""
    return OuroError(
        f"no run of {commit} is recorded, which '{name:.80}' names",
        help="pytest --ouro-experiment runs HEAD; pytest-ouro log lists what was run",
    )


def shows_nothing(option: str) -> OuroError:
    """``log`` is called with an option that chooses runs to show, and with one (``option``) that
    shows none."""
    return OuroError(
        f"{option} is about all runs: it takes no --kept, --branch, --since or --metric",
        help=f"leave them out: pytest-ouro log {'--prune 30' if option == '--prune' else option}",
    )


def unusable_port(port: int, reason: str) -> OuroError:
    """``watch --serve``: the page cannot be served on this port."""
    return OuroError(
        f"port {port} of 127.0.0.1 cannot be used: {reason}",
        help="let the system choose one: pytest-ouro watch --serve",
    )


def no_python(command: str, reason: str) -> ExperimentError:
    """A command, such as that of ``python`` in bound.toml, does not start a Python interpreter that
    answers in time."""
    return ExperimentError(
        f"'{command}' starts no Python: {reason}",
        help="install it, or fix 'python' in bound.toml",
    )


def no_environment() -> ExperimentError:
    """``python`` in bound.toml begins with ``uv run``, and there is no .venv yet: uv would install
    one, which the doctor must not cause."""
    return ExperimentError("there is no .venv yet, and uv run would install one", help="uv sync")


def selftest_interrupted() -> OuroError:
    """The selftest was ended by Ctrl-C."""
    return OuroError(
        "interrupted: the selftest is not complete", help="pytest-ouro doctor --selftest"
    )


def unknown_ending(path: Path, endings: Iterable[str]) -> OuroError:
    """``report FILE`` or ``--ouro-report FILE``: the name of the file ends in none of the
    ``endings`` by which its form is known."""
    return OuroError(
        f"{path}: its name ends in none of {', '.join(endings)}",
        help="name the page .html, the picture .svg or .png",
    )


def not_opened(page: Path | None) -> OuroError:
    """``report --open``: no browser can be started on this machine, or no ``page`` was asked for
    (None)."""
    if page is None:
        return OuroError(
            "--open shows the page, and only a picture was asked for",
            help="name a file that ends in .html, or none",
        )
    return OuroError(f"no browser can be started here for {page}", help="open that file yourself")


def no_png() -> OuroError:
    """``report FILE.png``: the library that turns the picture into PNG is not installed, or lacks
    the C library that it calls."""
    return OuroError(
        "a picture as .png needs CairoSVG and the cairo library, which are not both here",
        help="write it as .svg, or install them: pip install cairosvg",
    )


def no_folder_for(path: Path, folder: Path) -> OuroError:
    """``--ouro-report FILE``: the folder in which the file is to be written does not exist."""
    return OuroError(
        f"{path} cannot be written: there is no folder {folder}",
        help="make that folder, or name a file in another one",
    )


def demo_not_empty(folder: Path, free: str) -> OuroError:
    """``demo FOLDER``: the folder has files, or is a file. ``free`` is a path at which nothing is,
    for a shell."""
    return OuroError(
        f"{folder} is not an empty folder, and the demo overwrites nothing",
        help=f"name a new one: pytest-ouro demo {free}",
    )
