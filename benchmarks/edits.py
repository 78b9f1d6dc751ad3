"""Judge real edits of a train.py by the rules that need no run, and count what they report.

    python benchmarks/edits.py FOLDER                         # the edits listed in edits.txt
    python benchmarks/edits.py FOLDER --draw 1000 --seed 1    # draw them, and write the list

FOLDER holds bare clones of public repositories: `git clone --bare URL FOLDER/OWNER/NAME.git`. An
edit is a change of one train.py beside a prepare.py, from a commit's only parent to the commit;
each pair of contents counts once. It is passed over if `init` finds no experiment in the parent, or
if the clone lacks an object.
The gate judges it alone: trust is the parent with the bound.toml that `init` writes, and the judged
commit has nothing but the edit. What the gate reports of the parent itself does not count.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import open_commit
from pytest_ouro.engine.history import check_history
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.onboarding import autoresearch, document
from pytest_ouro.onboarding.discover import project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.core.finding import Finding

LIST = Path(__file__).with_suffix(".txt")
#: The options of init: the files, then what a person would answer where it cannot find out.
FOUND = project.InitOptions(script="train.py", harness="prepare.py")
ANSWERED = project.InitOptions(
    script="train.py", harness="prepare.py", metric="val_bpb", direction="lower", budget=300
)
AUTHOR = {"NAME": "edits", "EMAIL": "edits@localhost"}
IDENTITY = {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in AUTHOR.items()}


class Edit(NamedTuple):
    """A change of the file ``path`` by ``commit``, in the clone FOLDER/``repository``.git."""

    repository: str
    commit: str
    path: str

    def beside(self, name: str) -> str:
        return self.path.removesuffix("train.py") + name


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    """The standard output of a git command in the repository ``folder``."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        input=stdin.encode(), env=os.environ | IDENTITY, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode(errors="replace").strip()


def edits(folder: Path) -> Iterator[Edit]:
    """Yield every edit in the clones, in the order of their names."""
    known: set[str] = set()
    for clone in sorted(folder.glob("*/*.git")):
        found = list(_edits_of(clone, str(clone.relative_to(folder)).removesuffix(".git")))
        names = "".join(f"{edit.commit}^:{edit.beside('prepare.py')}\n" for _, edit in found)
        answers = git(clone, "cat-file", "--batch-check", stdin=names).splitlines()
        for (pair, edit), answer in zip(found, answers, strict=True):
            if pair not in known and " blob " in answer:
                known.add(pair)
                yield edit


def _edits_of(clone: Path, repository: str) -> Iterator[tuple[str, Edit]]:
    """Yield the changes of files called train.py, each with the names of both contents."""
    changes = ("--all", "--no-merges", "--diff-filter=M", "--raw", "--no-abbrev", "--format=%H")
    commit = ""
    for line in git(clone, "log", *changes, "--", ":(glob)**/train.py").splitlines():
        facts, _, path = line.partition("\t")
        if path:
            yield " ".join(facts.split()[2:4]), Edit(repository, commit, path)
        else:
            commit = line or commit


def rules_for(clone: Path, edit: Edit) -> str:
    """The bound.toml that `init` writes for the parent. OuroError if it finds no experiment."""
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary)
        for name in ("train.py", "prepare.py"):
            text = git(clone, "show", f"{edit.commit}^:{edit.beside(name)}")
            (top / name).write_text(text, encoding="utf-8")
        git(top, "init", "-q")
        git(top, "add", "--all")
        try:
            found = project.find(top, top, FOUND).experiment
        except OuroError:
            found = project.find(top, top, ANSWERED).experiment
    return document.text("edits", found, autoresearch.statements(found))


class Gate:
    """A repository for one clone, with its objects and the commits that are judged."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone.resolve()
        self.folder = tempfile.TemporaryDirectory()
        self.top = Path(self.folder.name)
        git(self.top, "init", "-q")
        alternates = self.top / ".git/objects/info/alternates"
        alternates.write_text(f"{self.clone / 'objects'}\n", encoding="utf-8")

    def judge(self, edit: Edit, rules: str) -> list[tuple[str, Finding]]:
        """What the gate reports of the edit, with the checks. OuroError if it cannot judge it."""
        bound = edit.beside("bound.toml")
        git(self.top, "read-tree", f"{edit.commit}^")
        trust = self._commit(bound, git(self.top, "hash-object", "-w", "--stdin", stdin=rules))
        text = git(self.clone, "rev-parse", f"{edit.commit}:{edit.path}")
        head = self._commit(edit.path, text, "-p", trust)
        found = self._findings(bound, head, trust)
        before = found and {one.identity for _, one in self._findings(bound, trust, trust)}
        return [(check, one) for check, one in found if one.identity not in before]

    def _commit(self, path: str, blob: str, *options: str) -> str:
        git(self.top, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        return git(
            self.top,
            "commit-tree",
            "-m",
            "edit",
            *options,
            git(self.top, "write-tree", "--missing-ok"),
        )

    def _findings(self, bound: str, head: str, trust: str) -> list[tuple[str, Finding]]:
        case = open_commit(Git.discover(self.top), head, bound=bound, trust=trust)
        try:
            results = check_history(case)
        finally:
            case.close()
        return [(result.check, finding) for result in results for finding in result.findings]


class Counts:
    """What became of the edits, printed one by one and then summed up."""

    def __init__(self) -> None:
        self.edits, self.errors, self.warnings = Counter[str](), Counter[str](), Counter[str]()

    def add(self, edit: Edit, found: list[tuple[str, Finding]]) -> None:
        errors = [(check, one.headline) for check, one in found if not one.warns]
        for check, headline in errors:
            print(*edit, f"{check}: {headline}", flush=True)
        self.errors.update({check for check, _ in errors})
        self.warnings.update({check for check, one in found if one.warns})
        self.edits["with an error" if errors else "only warned" if found else "nothing"] += 1

    def refuse(self, edit: Edit, reason: str) -> None:
        print(*edit, "could not be judged:", reason, flush=True)
        self.edits["could not be judged"] += 1

    def __str__(self) -> str:
        parts = (("edits", self.edits), ("errors", self.errors), ("warnings", self.warnings))
        return "\n".join(f"{name}: {dict(counts)}" for name, counts in parts)


def run(folder: Path, candidates: list[Edit], number: int) -> tuple[list[Edit], int]:
    """Judge the first ``number`` candidates that are edits of an experiment, and print the result.
    Return them, and how many were passed over."""
    gates: dict[str, Gate] = {}
    counts, drawn, passed = Counts(), [], 0
    for edit in candidates:
        if len(drawn) == number:
            break
        clone = folder / f"{edit.repository}.git"
        try:
            rules = rules_for(clone, edit)
        except (OuroError, subprocess.CalledProcessError):
            passed += 1
            continue
        drawn.append(edit)
        if edit.repository not in gates:
            gates[edit.repository] = Gate(clone)
        try:
            counts.add(edit, gates[edit.repository].judge(edit, rules))
        except OuroError as error:
            counts.refuse(edit, error.message)
    print(counts)
    return drawn, passed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draw", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", type=Path, default=LIST)
    given = parser.parse_args()
    if not given.draw:
        lines = given.list.read_text(encoding="utf-8").splitlines()
        listed = [Edit(*line.split(" ", 2)) for line in lines if not line.startswith("#")]
        _, passed = run(given.folder, listed, len(listed))
        if passed:
            parser.exit(1, f"{passed} of the listed edits were passed over\n")
        return
    known = list(edits(given.folder))
    random.Random(given.seed).shuffle(known)
    drawn, passed = run(given.folder, known, given.draw)
    repositories = len({edit.repository for edit in drawn})
    head = (
        f"# seed {given.seed}: {len(drawn)} edits of {repositories} repositories, "
        f"from {len(known)}; {passed} passed over"
    )
    lines = [head, *(" ".join(edit) for edit in sorted(drawn))]
    given.list.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
