"""Changes of records, refs and data by a script are found, and records and refs are restored."""

from pathlib import Path

import pytest

from pytest_ouro.evidence.data import states

#: Finds the repository from its clean worktree.
HERE = (
    "import hashlib, json, os\n"
    "from pathlib import Path\n"
    "git = Path(Path(__file__).with_name('.git').read_text().split(maxsplit=1)[1].strip())\n"
    "git = git.parents[1]\n"
    "journal = git / 'ouro' / 'journal.jsonl'\n"
    "lines = journal.read_bytes().split(b'\\n')[:-1]\n"
)
ADD = (
    "facts = json.loads(lines[-1]) | {FACTS} | {'seq': len(lines) + 1}\n"
    "facts['prev'] = hashlib.sha256(lines[-1]).hexdigest()\n"
    "journal.write_bytes(b'\\n'.join([*lines, json.dumps(facts).encode(), b'']))\n"
)
#: Writes as another supervisor does, or a script that imports its code.
RECORD = (
    "import subprocess, sys\n"
    "facts = json.loads(lines[-1]) | {FACTS}\n"
    "facts = {k: v for k, v in facts.items() if k not in ('prev', 'seq')}\n"
    "code = 'import sys, pathlib; '\n"
    "code += 'from pytest_ouro.evidence.records.journal import Journal; '\n"
    "code += 'from pytest_ouro.evidence.records.record_format import read; '\n"
    "code += 'Journal(pathlib.Path(sys.argv[1])).append(read(sys.argv[2].encode()))'\n"
    "subprocess.run([sys.executable, '-c', code, str(git), json.dumps(facts)], check=True)\n"
)
ELSEWHERE = "'worktree': 'another', 'run': 'abcabcabcabc'"
NEIGHBOUR = RECORD.replace("FACTS", ELSEWHERE)
ENDED = "'event': 'finished', 'run': 'abcabcabcabc', 'reason': 'lost', 'row': row, "
ROW = "row = json.loads(lines[-1])['commit'][:7] + '\\t0.000000\\t0.0\\tcrash\\tan idea'\n"
FORGED = ADD.replace("FACTS", "'event': 'started', 'worktree': '', 'run': 'abcabcabcabc'")
BURIED = ROW + RECORD.replace("FACTS", ENDED + "'outcome': 'lost', 'status': 'crash'")


def aside(lab):
    return [path.name for path in lab.journal.folder.glob("journal.*.jsonl")]


@pytest.mark.tier(2, but=2)
@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("journal.unlink()", "removed"),
        ("journal.write_bytes(lines[0] + b'\\n')", "changed"),
        ("journal.write_bytes(journal.read_bytes().replace(b'keep', b'kept'))", "changed"),
        ("journal.write_text('')", "removed"),
        ("journal.unlink()\njournal.mkdir()", "removed"),
        ("journal.unlink()\nos.mkfifo(journal)", "removed"),
        ("journal.write_text('no journal\\n')", "changed"),
    ],
)
def test_a_journal_that_was_changed_is_restored_and_the_run_is_a_breach(lab, action, what):
    first = lab.run(lab.script(3.0))
    before = lab.journal.lines()
    seen = lab.run(lab.script(2.0, before=HERE + action))

    assert (first.status, seen.status, seen.reason) == ("keep", "crash", "breach")
    assert seen.message.startswith(f"the journal was {what} while the run went on (it is put back")
    assert lab.journal.lines()[: len(before)] == before
    assert aside(lab) == [f"journal.{seen.record['run']}.jsonl"]
    lab.whole("baseline", "breach")
    assert lab.run(lab.script(1.0)).status == "keep"


def test_a_run_that_was_forged_in_our_place_is_taken_out(lab):
    seen = lab.run(lab.script(before=HERE + FORGED))
    assert seen.reason == "breach"
    assert seen.message.startswith("the journal got a line while the run went on, for this")
    lab.whole("breach")


def test_a_forged_line_beside_lines_of_others_is_reported_and_left(lab):
    ours = RECORD.replace("FACTS", "'run': 'defdefdefdef'")
    seen = lab.run(lab.script(before=HERE + NEIGHBOUR + ours))
    assert seen.reason == "breach"
    assert "put back" not in seen.message
    assert lab.journal.broken_link() == 0
    assert {"abcabcabcabc"} < {record["run"] for record in lab.journal.records()}


@pytest.mark.parametrize("action", [NEIGHBOUR, BURIED])
def test_lines_of_other_runs_are_left_alone(lab, action):
    seen = lab.run(lab.script(before=HERE + action))
    assert (seen.status, seen.reason) == ("keep", "baseline")
    assert [record["run"] for record in lab.journal.records()].count("abcabcabcabc") == 1
    assert lab.journal.broken_link() == 0


DEEP = "with open(journal, 'ab') as file: file.write(b'[' * 200000 + b']' * 200000 + b'\\n')\n"
#: The line of a process that has ended, whose run id would be a path.
PATH = "victim = Path.home() / 'victim'\nvictim.write_text('precious')\n" + ADD.replace(
    "FACTS", "'run': str(victim), 'pid': 4194304, 'process': 'gone'"
)
REF = "import subprocess\nsubprocess.run(['git', '-C', str(git), 'update-ref', '-d', REF])\n"


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("action", [DEEP, PATH, ADD.replace("FACTS", ELSEWHERE)])
def test_a_line_that_nobody_recorded_is_removed(lab, action):
    seen = lab.run(lab.script(before=HERE + action))

    assert (seen.status, seen.reason) == ("crash", "breach")
    assert seen.message.startswith("the journal got")
    assert "it is put back" in seen.message
    victim = Path.home() / "victim"
    assert not victim.exists() or victim.read_text() == "precious"
    lab.whole("breach")
    assert lab.run(lab.script(1.0)).status == "keep"


def append_to_both(facts):
    """Return code that adds a line to the file and to the ref without the check for conflicts."""
    return (
        "import subprocess, sys\n"
        "code = 'import sys, pathlib; '\n"
        "code += 'from pytest_ouro.evidence.records.journal import Journal; '\n"
        "code += 'from pytest_ouro.evidence.records.record_format import read; '\n"
        "code += 'Journal._conflict = lambda self, lines: None; '\n"
        "code += 'Journal(pathlib.Path(sys.argv[1])).append(read(sys.argv[2].encode()))'\n"
        f"facts = json.loads(lines[-1]) | {facts}\n"
        "subprocess.run([sys.executable, '-c', code, str(git), json.dumps(facts)], check=True)\n"
    )


def test_a_contradiction_that_git_holds_closes_nothing(lab):
    forged = "{'worktree': 'another', 'run': 'abcabcabcabc', 'seq': 1}"
    seen = lab.run(lab.script(before=HERE + append_to_both(forged)))

    assert seen.reason == "breach"
    assert "that nobody recorded (it is put back" in seen.message
    lab.whole("breach")
    assert lab.run(lab.script(1.0)).status == "keep"


def test_a_started_line_of_ours_that_is_removed_is_reported(lab):
    seen = lab.run(lab.script(before=HERE + "journal.write_bytes(b'')"))
    assert seen.message.startswith("the journal was removed")
    lab.whole("breach")


def test_a_supervisor_killed_elsewhere_causes_no_breach(lab):
    """The ref has a line that the file lacks, and its run still has its reserved space."""
    killed = NEIGHBOUR + "journal.write_bytes(b''.join(line + b'\\n' for line in lines))\n"
    place = "(git / 'ouro' / 'open' / 'abcabcabcabc').touch()\n"
    seen = lab.run(lab.script(before=HERE + killed + place))
    assert (seen.status, seen.reason) == ("keep", "baseline")
    assert lab.journal.fault() is None
    assert len(lab.journal.records()) == 3


@pytest.mark.parametrize("ref", ["refs/ouro/journal", "both"])
def test_the_journals_ref_is_restored(lab, ref):
    action = HERE + REF.replace("REF", "'refs/ouro/journal'")
    also = "journal.unlink()\n" if ref == "both" else ""
    seen = lab.run(lab.script(before=action + also))

    assert seen.reason == "breach"
    words = "the journal was removed" if also else "refs/ouro/journal was moved or removed"
    assert seen.message.startswith(words)
    assert lab.journal.recorded() == lab.journal.lines()
    lab.whole("breach")


def test_lines_of_other_runs_in_an_exchanged_journal_are_kept(lab):
    seen = lab.run(lab.script(before=HERE + NEIGHBOUR + "journal.write_text('')\n"))
    assert seen.message.startswith("the journal was removed")
    runs = [record["run"] for record in lab.journal.records()]
    assert runs == [seen.record["run"], "abcabcabcabc", seen.record["run"]]
    assert lab.journal.broken_link() == 0


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("action", ["ref.unlink()", "ref.write_text(old + '\\n')"])
def test_a_ref_that_was_removed_or_moved_is_restored(lab, action):
    first = lab.run(lab.script(3.0))
    find = f"old = '{first.commit}'\nref = git / 'refs/ouro/tried/3'\nassert ref.exists()\n"
    seen = lab.run(lab.script(2.0, before=HERE + find + action))
    assert seen.reason == "breach"
    assert seen.message == (
        "refs/ouro/tried/3 was moved or removed while the run went on (it is put back)"
    )
    assert lab.project.git("rev-parse", "refs/ouro/tried/3") == seen.commit


DATA = "from pathlib import Path\nimport os\nfile = Path.home() / 'corpus/ranks.txt'\n"
BACK = "then = file.stat()\nplain = file.read_bytes()\nfile.write_text('other')\n"
BACK += "file.write_bytes(plain)\nos.utime(file, ns=(then.st_atime_ns, then.st_mtime_ns))\n"


@pytest.fixture
def data(lab):
    """A file that the bound names as data."""
    path = Path.home() / "corpus/ranks.txt"
    path.parent.mkdir()
    path.write_text("plain")
    lab.bound(('device    = "cpu"', 'device    = "cpu"\ndata      = ["~/corpus/*"]'))
    return path


def test_data_that_was_written_for_a_while_is_a_breach(lab, data):
    plain = data.read_bytes()
    seen = lab.run(lab.script(before=DATA + BACK))
    assert data.read_bytes() == plain
    assert (seen.reason, seen.message) == ("breach", "ranks.txt was written while the run went on")


def test_stored_digests_of_data_are_not_used_any_more(lab, data):
    memory = lab.journal.folder / "fingerprints.json"
    forge = f"Path({str(memory)!r}).write_text('{{}}')\n"
    assert lab.run(lab.script(before=DATA + BACK + forge)).reason == "breach"
    assert not memory.exists()


def test_data_that_is_read_or_gets_a_second_name_is_not_a_breach(lab, data, tmp_path):
    link = f"file.read_bytes()\nos.link(file, {str(tmp_path / 'backup')!r})\n"
    seen = lab.run(lab.script(before=DATA + link))
    assert (tmp_path / "backup").exists()
    assert seen.status == "keep"


def test_a_state_tells_writing_from_reading(tmp_path):
    file = tmp_path / "data"
    file.write_text("plain")
    [before] = states(("data",), tmp_path).values()
    file.read_text()
    [read] = states(("data",), tmp_path).values()
    (tmp_path / "other").write_text("plain")
    (tmp_path / "other").replace(file)
    [exchanged] = states(("data",), tmp_path).values()
    assert not read.written_since(before)
    assert exchanged.written_since(before)
