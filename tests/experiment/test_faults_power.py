"""Power failures at every write of a run: the next start completes the records, and says so."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from pytest_ouro.engine import check_before_run, open_case

#: One run that copies all records before and after each of its writes, and in the middle of it.
CUTS = """\
import os, pathlib, shutil, sys
from pytest_ouro.evidence.records import anchor, journal
from pytest_ouro.experiment.records import ledger_writer
from pytest_ouro.experiment.terms import repo

top, copies = pathlib.Path.cwd(), pathlib.Path(sys.argv[1])
taken = []

def copy(name):
    folder = copies / f"{len(taken):02}-{name}"
    taken.append(name)
    shutil.copytree(top, folder)

def torn(name, path, half):
    copy(name)
    path = copies / f"{len(taken) - 1:02}-{name}" / path.relative_to(top)
    with path.open("ab") as file:
        file.write(half)

def write(handle, data):
    if not data.startswith(b'{"prev"'):
        return os.write(handle, data)
    event = "started" if b'"event": "started"' in data else "finished"
    copy(f"before-{event}")
    torn(f"torn-{event}", top / ".git/ouro/journal.jsonl", data[: len(data) // 2])
    done = os.write(handle, data)
    copy(f"{event}")
    return done

journal.os = type(sys)("os")
journal.os.__dict__.update(os.__dict__, write=write)
name = anchor.name

def names(folder, tree):
    copy(f"unnamed-{'finished' if 'remembered' in ' '.join(taken) else 'started'}")
    name(folder, tree)

anchor.name = names
missing = ledger_writer._missing

def cuts(*args):
    row = missing(*args)
    for size in (1, len(row) // 2, len(row) - 2):
        torn(f"torn-row-{size}", top / "results.tsv", row[:size])
    return row

ledger_writer._missing = cuts
set_ref = repo.set_ref

def remembers(*args, **kwargs):
    done = set_ref(*args, **kwargs)
    copy("remembered")
    return done

repo.set_ref = remembers
from pytest_ouro.experiment.run import Order, run_experiment
from pytest_ouro.engine import open_case
result = run_experiment(open_case(top / "bound.toml"), Order())
copy("end")
print(result.last_line)
"""
LOGGED = (
    '[[iron-law]]\nid    = "log-every-experiment"',
    '[[never-do]]\nid    = "skip-logging"\nrule  = "Never skip logging."\ncheck = "logged"\n\n'
    '[[iron-law]]\nid    = "log-every-experiment"',
)
#: The message of the next start, by the name of the copy.
SAYS = {
    "unnamed-started": "",
    "before-started": "killed",
    "torn-started": "killed",
    "started": "killed",
    "remembered": "killed",
    "unnamed-finished": "killed",
    "before-finished": "row",  # git has the record already
    "torn-finished": "row",
    "finished": "row",
    "torn-row": "row",
    "end": "",
}
SAID = {
    "killed": r"ouro: the run of {commit} that started \S+ was killed: recorded as a crash",
    "row": r"ouro: results.tsv lacked the row of the run of {commit}: written now",
}

#: Cut off before the first line about the run: only its reserved space exists.
HELD = ("unnamed-started",)


@pytest.mark.tier(2)
@pytest.mark.parametrize("earlier", [0, 1], ids=["first run", "second run"])
def test_a_power_cut_at_any_write_loses_no_run_and_counts_none_twice(lab, tmp_path, earlier):
    lab.bound(LOGGED)
    reasons = ["baseline"] * earlier
    if earlier:
        lab.run(lab.script(3.0))
    commit = lab.commit(lab.script(2.0), "the power fails")
    copies = tmp_path / "copies"
    copies.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CUTS, str(copies)],
        cwd=lab.path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ouro: keep val_bpb=2.000000" in done.stdout
    names = {re.sub(r"^\d+-|-\d+$", "", folder.name) for folder in copies.iterdir()}
    assert names == set(SAYS)

    for folder in sorted(copies.iterdir()):
        name = re.sub(r"^\d+-|-\d+$", "", folder.name)
        copy = replace(lab, project=replace(lab.project, path=folder))
        copy.project.git("worktree", "prune")
        copy.project.git("update-index", "-q", "--refresh")
        said = []
        copy.commit(copy.script(1.0), "the power is back")
        result = copy.run(say=said.append)

        assert result.status == "keep", f"{folder.name}: {result}"
        expected = SAID[SAYS[name]].format(commit=commit[:7]) if SAYS[name] else ""
        assert re.fullmatch(expected, "\n".join(said)), f"{folder.name}: {said}"
        ended = {"killed": ["lost"], "row": [""], "": [""] * (name == "end")}[SAYS[name]]
        ended = [reason or ("improved" if earlier else "baseline") for reason in ended]
        last = "improved" if earlier or "baseline" in ended else "baseline"
        copy.whole(*reasons, *ended, last)
        assert not list((folder / ".git/ouro/open").iterdir()) or name in HELD, folder.name
        gate = check_before_run(open_case(folder / "bound.toml"))
        assert not [judgement for judgement in gate if judgement.broken]
