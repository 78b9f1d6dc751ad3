"""Judge clones of public experiment loops by `pytest-ouro init`, and write docs/init-loops.md.

python benchmarks/init_loops.py DIR [--write]

DIR holds clones, each in a folder `owner__name`. Each is cloned into a scratch folder; there `init`
is called, then the command of its help if it refuses, at most twice; then the rules are committed,
blessed and judged by the gate. No code of a clone is run, and none is kept: the page has its name,
its commit, and what was found. Without --write the table is printed.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from pytest_ouro.cli import run

PAGE = Path(__file__).parents[1] / "docs/init-loops.md"
#: The language of a loop by the ending of what may change.
LANGUAGES = {
    ".py": "Python",
    ".rs": "Rust",
    ".go": "Go",
    ".c": "C",
    ".h": "C",
    ".cpp": "C++",
    ".cc": "C++",
    ".cu": "CUDA",
    ".m": "Objective-C",
    ".metal": "Metal",
    ".cl": "OpenCL",
    ".rb": "Ruby",
    ".jl": "Julia",
    ".ts": "TypeScript",
    ".tsx": "TypeScript",
    ".js": "JavaScript",
    ".mjs": "JavaScript",
    ".kt": "Kotlin",
    ".java": "Java",
    ".swift": "Swift",
    ".php": "PHP",
    ".red": "Redcode",
    ".md": "text",
    ".json": "text",
    ".vars": "shell",
    ".sh": "shell",
    ".zig": "Zig",
}
#: What a person corrects in the bound of a loop, by its name.
CORRECTED = {
    "AGIHouse/masubi": "its loop is run_loop.py, which takes a composite score of its own",
    "DonsetPG/auto-noise-llm": "people compare its reports: no number decides",
    "Drakesanch36/autoresearch-trading-bot": "a higher objective is better: `init` asks for the "
    "direction, and here the first answer in its help was given",
    "FM-gpt/llamacpp-autotune": "its loop changes options of the command, and no file",
    "Grahlus/sp500-autoresearch": "it runs run.py and changes agent.py: `init` says that the "
    "instructions do not name evaluate.py",
    "dietmarwo/autoresearch-circuit": "its loop is run_search.py itself, which prints many numbers",
    "raphaelschwinger/autoresearch-dqn": "it runs and changes dqn.py, which is not there, as "
    "`init` says",
    "Abubakarjutt/mrnet-autoresearch": "its loop changes options of the command, and no file",
    "Agent-Analytics/autoresearch-growth": "nothing measures its texts: `init` notes that the "
    "instructions do not name train.py",
}
#: Loops that need files in the repository which are not in git.
NEEDS = (
    *("0xKatze/autoresearch-katze", "0xrsydn/autodegen", "4LAU/mouse-trajectory-synthesis"),
    *("Akshatkasera/Autoresearch-STT", "tmc/autoresearch-go-ane"),
    *("Adarsh321123/inference-opt", "AdenCJM/AutoEvaluation", "AlmondGod/tinyworlds-autoresearch"),
    *("MichaelVessia/subq", "MohammadErfan-Jabbari/universal-source-modeling-itml"),
    *("Rui-Fang/parameter-golf", "jadechip/autoresearch-parameter-golf"),
    *("nockbarry/fraud-auto-research", "pj4533/autoresearch-corewar", "Fatman2080/autoloop"),
    *("CrookedToe/anomaly_detection_autoresearch", "spulick/autoresearch-compression"),
    *("Drakesanch36/autoresearch-trading-bot",),
)
#: Places in the call of a help for what only a person knows.
OPEN = {"NAME", "FILE", "PROGRAM ARGUMENT …"}
HEAD = """\
# Loops that init was tried on

Public repositories, tried on {date} with `python benchmarks/init_loops.py DIR --write`. `init`
parsed the files of each clone and ran none; then the rules were committed and blessed, and the gate
judged them. Nothing of their code is kept here.

- **holds**: `init` without an option writes a bound whose first gate holds.
- **said**: the same, but something does not hold yet; `init` says what, and what fixes it.
- **next**: `init` refuses and names the missing fact; the call in its help leads to a bound.
- **asks**: the call in the help has a place for what only a person knows, such as `--metric NAME`.
- **refused**: the call in the help does not lead there.
- **broken**: the first gate is broken, and nothing said so.

A bound that holds can still be wrong, and only a person can see that: read what is run, what may
change and the metric. These were compared with each loop's own instructions and code; none was run:

{read}

33 of them were added after `init` was written. In its first run on 21 of them it was right, or
asked for what only a person knows, in 11; after its code was changed for what these showed, in 10
of the next 12. Repositories that have no single experiment to judge were left out after that first
run, so both numbers flatter it. No first gate was broken unsaid.

A run starts from what is committed. {count} of the bounds also need files that lie in the
repository and are not in git (data, configuration, packages), which must be committed or kept
elsewhere before a first run:

{needs}

{total}

| repository | commit | layout | language | outcome | what is run | what may change | metric |
|---|---|---|---|---|---|---|---|
"""


@dataclass
class Tried:
    """One clone, and what came of it."""

    name: str
    commit: str
    outcome: str = "refused"
    why: str = ""
    found: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def layout(self) -> str:
        """The layout in a few words, by the files that are there and by what was found."""
        have = set(self.files)
        command = self.found.get("command", "")
        if "script" in self.found:
            original = {"prepare.py", "train.py"} <= have
            return "script and harness" + (", the original's" if original else "")
        if "autoresearch.sh" in have:
            return "session with autoresearch.sh"
        if "autoresearch.toml" in have:
            return "session with autoresearch.toml"
        program = "program.md and " if "program.md" in have else ""
        if "sh -c" in command:
            return f"{program}words for a shell"
        first = command.split()[0] if command else "nothing"
        kinds = {"cargo": "cargo", "make": "make", "npm": "npm", "node": "node", "go": "go"}
        if first in kinds:
            return f"{program}{kinds[first]}"
        if " -m " in command:
            return f"{program}a module"
        return f"{program}{'a shell script' if '.sh' in command else 'a program'}"

    @property
    def language(self) -> str:
        """The language of what may change, else the commonest one of the repository."""
        changes = self.found.get("changes", "")
        endings = [Path(name.strip("*/ ")).suffix for name in changes.split(", ")]
        if not any(ending in LANGUAGES for ending in endings):
            folders = tuple(name.rstrip("*").strip() for name in changes.split(", "))
            inside = [f for f in self.files if changes and f.startswith(folders)] or self.files
            endings = [Path(name).suffix for name in inside]
        count = Counter(LANGUAGES[ending] for ending in endings if ending in LANGUAGES)
        code = [name for name, _ in count.most_common() if name != "text"]
        return (code or ["text"])[0]

    @property
    def row(self) -> str:
        """A row of the page."""
        program = self.found.get("command") or self.found.get("script", "").partition(",")[0]
        changes = self.found.get("changes", "")
        changes = changes if len(changes) <= 60 else f"{changes[:57]}…"
        cells = (
            *(self.name, self.commit[:7], self.layout, self.language),
            f"{self.outcome}{f': {self.why}' if self.why else ''}",
            *(f"`{program[:60]}`" if program else "", changes, self.found.get("metric", "")),
        )
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def call(folder: Path, *words: str) -> tuple[int, str, str]:
    """Run a program in a folder; return its exit status, output and errors."""
    given = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, "check": False}
    try:
        done = subprocess.run(words, cwd=folder, timeout=300, **given)
    except subprocess.TimeoutExpired:
        return 124, "", f"{words} did not end"
    return done.returncode, done.stdout, done.stderr


def ouro(folder: Path, *words: str) -> tuple[int, str, str]:
    """Run a command of ours in this process, as the program `pytest-ouro` would."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["pytest-ouro", *words]
    os.chdir(folder)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = run(words)
        except SystemExit as error:
            status = int(error.code or 0)
    return status, out.getvalue(), err.getvalue()


def commit(folder: Path, *paths: str) -> None:
    call(folder, "git", "add", "-f", "--", *paths)
    name = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "core.hooksPath=/dev/null")
    call(folder, "git", *name, "commit", "-qm", "rules", "--", *paths)


def try_clone(clone: Path, scratch: Path) -> Tried:
    """Return what came of one clone, which is cloned into the scratch folder."""
    folder = scratch / clone.name
    call(scratch, "git", "clone", "-q", "--shared", str(clone), str(folder))
    name = clone.name.replace("__", "/", 1)
    files = call(folder, "git", "ls-files")[1].splitlines()
    tried = Tried(name, call(folder, "git", "rev-parse", "HEAD")[1].strip(), files=tuple(files))
    words, steps, said = ["--json", "--force"], 0, {}
    while steps < 3 and not OPEN & {*words}:
        status, out, _ = ouro(folder, "init", *words)
        said = json.loads(out) if out.startswith("{") else {}
        if status == 0 or "help" not in said:
            break
        tried.why, steps = said["error"][0].replace(str(folder), "."), steps + 1
        if place := re.match(r"cd (\S+) && ", said["help"]):
            folder /= place[1]
        _, _, rest = said["help"].partition("pytest-ouro init ")
        words = ["--json", "--force", *shlex.split(re.split(r", or pytest-ouro|; ", rest)[0])]
    if OPEN & {*words}:
        tried.outcome = "asks"
    if status or not said:
        return tried
    tried.found = said["found"]
    tried.outcome = "next" if steps else "said" if said["lacks"] else "holds"
    tried.why = tried.why if steps else "; ".join(lack["what"][:90] for lack in said["lacks"][:1])
    commit(folder, "bound.toml")
    blessed, out, _ = ouro(folder, "bless")
    commit(folder, "bound.lock")
    if (blessed or ouro(folder, "gate")[0]) and not said["lacks"] and "not hold yet" not in out:
        tried.outcome = "broken"
    return tried


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="write docs/init-loops.md")
    args = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("GIT_", "OURO_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="init-loops-") as scratch:
        os.environ["HOME"] = scratch  # no cache and no setting of this user has a say
        clones = sorted(path for path in args.folder.iterdir() if (path / ".git").exists())
        all_tried = []
        for clone in clones:
            all_tried.append(try_clone(clone, Path(scratch)))
            print(all_tried[-1].row, file=sys.stderr, flush=True)
    count = Counter(tried.outcome for tried in all_tried)
    layouts, languages = ({getattr(t, key) for t in all_tried} for key in ("layout", "language"))
    total = f"{len(all_tried)} loops of {len(layouts)} layouts in {len(languages)} languages: "
    total += ", ".join(f"{count[name]} {name}" for name in sorted(count, key=lambda n: -count[n]))
    date = datetime.datetime.now(datetime.timezone.utc).date()
    read = [
        f"- {tried.name}: {CORRECTED[tried.name]}."
        for tried in all_tried
        if tried.name in CORRECTED
    ]
    written = [tried.name for tried in all_tried if tried.outcome in ("holds", "said", "next")]
    right = len({*written} - {*CORRECTED})
    read.append(f"- The other {right} of {len(written)} state what the instructions say.")
    missing = [f"- {name}" for name in sorted(NEEDS) if name in written]
    lists = {"read": "\n".join(read), "needs": "\n".join(missing), "count": len(missing)}
    head = HEAD.format(date=date, total=f"{total}.", **lists)
    text = head + "\n".join(t.row for t in all_tried) + "\n"
    if args.write:
        PAGE.write_text(text, "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
