"""Run an example: ``python docs/examples/night.py NAME [FOLDER]``.

It copies the example into a repository of its own (FOLDER, or a new temporary folder), blesses it
and runs its baseline. Then it commits each edit in ``night/``, runs it, prints how it ended, and
returns to the baseline.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main(words):
    names = sorted(path.parent.name for path in HERE.glob("*/bound.toml"))
    if len(words) not in {1, 2} or words[0] not in names:
        return f"name an example, and perhaps a folder to make: {', '.join(names)}"
    folder = Path(words[1]) if words[1:] else Path(tempfile.mkdtemp(prefix="ouro-"), words[0])
    shutil.copytree(HERE / words[0], folder)

    def git(*words):
        settings = ("-c", "user.name=night", "-c", "user.email=night@localhost")
        subprocess.run(["git", *settings, *words], cwd=folder, check=True)

    def commit(subject):
        git("add", "-A")
        git("commit", "-qm", subject)

    git("init", "-q")
    commit("the experiment")
    bless = [sys.executable, "-m", "pytest_ouro", "bless"]
    subprocess.run(bless, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    commit("bless")
    print(f"{folder}\nbaseline\n  {last_line(folder)}", flush=True)
    git("tag", "baseline")
    for edit in sorted((folder / "night").iterdir()):
        git("apply", str(edit.resolve()))
        commit(f"try {edit.stem}")
        print(f"night/{edit.name}\n  {last_line(folder)}", flush=True)
        git("reset", "-q", "--hard", "baseline")
    return 0


def last_line(folder):
    """Run the experiment, and return the last line of its output."""
    words = [sys.executable, "-m", "pytest", "--ouro-experiment"]
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.rstrip().rpartition("\n")[2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
