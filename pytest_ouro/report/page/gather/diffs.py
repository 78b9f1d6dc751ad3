"""Read how the editable files of tried commits differ from those of their references, by one call
of git for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.git.client import run_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The most bytes of a file that is compared, and of all files together.
_FILE, _ALL = 1 << 19, 64 << 20
#: The most paths that git is asked about.
_PATHS = 200
#: No program, filter or attribute of the repository has a part in a diff.
_OPTIONS = ("-r", "-p", "--text", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color")


def read_diffs(
    git: Git, runs: Iterable[FinishedRun], known: Mapping[str, FinishedRun]
) -> dict[str, str]:
    """Return the diff of each run's commit against that of its reference (``best_commit``), by
    commit; ``known`` has a run of each commit. Absent are those without another commit as
    reference, whose files are too large, or that git cannot read: the page shows no diff for them;
    so are all if they have more than `_PATHS` paths."""
    pairs: dict[str, str] = {}
    for run in runs:
        base = run.best_commit
        if base and base != run.commit:
            pairs[run.commit] = base
    return compare(git, pairs, known)


def compare(git: Git, pairs: Mapping[str, str], known: Mapping[str, FinishedRun]) -> dict[str, str]:
    """Return the diff of the editable files of each commit in ``pairs`` against its base, by
    commit; absent as in `read_diffs`."""
    code = {commit: known[commit].code for commit in (*pairs, *pairs.values()) if commit in known}
    paths = sorted({path for files in code.values() for path in files})
    if not pairs or not paths or len(paths) > _PATHS:
        return {}
    try:
        sizes = _read_sizes(
            git, {*code, *(blob for files in code.values() for blob in files.values())}
        )
        asked, room = [], _ALL
        for commit, base in pairs.items():
            if commit not in code or base not in code or not {commit, base} <= sizes.keys():
                continue
            files = set(code[commit].items()) ^ set(code[base].items())
            needed = [sizes.get(blob, _ALL) for _, blob in files]
            room -= sum(needed)
            if room >= 0 and max(needed, default=0) <= _FILE:
                asked.append(f"{commit} {base}\n")
        if not asked:
            return {}
        words = ("diff-tree", "--stdin", *_OPTIONS, "--", *paths)
        found = run_git(*words, cwd=git.top, stdin="".join(asked).encode())
    except OuroError:
        return {}
    return _split(found.decode(errors="replace"), pairs)


def _read_sizes(git: Git, ids: set[str]) -> dict[str, int]:
    """Return the sizes in bytes of those objects that git has, by id."""
    asked = "".join(f"{one}\n" for one in sorted(ids)).encode()
    lines = run_git("cat-file", "--batch-check", cwd=git.top, stdin=asked).decode().split("\n")
    fields = [line.split(" ") for line in lines]
    return {words[0]: int(words[2]) for words in fields if len(words) == 3 and words[2].isdecimal()}


def _split(text: str, pairs: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of git's output by commit, without the lines that begin with ``index`` or
    ``diff --git``. A line that is the id of a commit in ``pairs`` begins a part."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        if line in pairs:
            lines = found.setdefault(line, [])
        elif not line.startswith("index "):
            lines.append(line)
    return {commit: _shorten("\n".join(part)) for commit, part in found.items()}


def _shorten(diff: str) -> str:
    """Return a diff without its lines ``diff --git …``, and without line ends around it."""
    kept = [line for line in diff.strip("\n").split("\n") if not line.startswith("diff --git ")]
    return "\n".join(kept)
