"""Input that is larger than any honest project's: the gate says so, soon and with little memory."""

import json
import resource
import subprocess
import sys

import pytest

from pytest_ouro.cli import run
from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.python import source_encoding

#: Runs the gate; prints its status, its peak memory in KiB, and what it said.
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([done.returncode, peak, done.stdout + done.stderr]))
"""


@pytest.fixture
def gate(project):
    """``gate(head)``: the status, the peak memory in KiB and the words of ``gate --head``.

    It has 20 CPU seconds, four times what it needs at most, after which the system ends it.
    """

    def gate(head="HEAD", *args):
        trust = [] if args else ["--trust", blessing(project)]
        command = [sys.executable, "-m", "pytest_ouro", "gate", "--head", head, *trust]
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *command, *args],
            cwd=project.path,
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20)),
        )
        return json.loads(done.stdout)

    return gate


def blessing(project):
    """The last commit of bound.lock."""
    return project.git("rev-list", "-1", "HEAD", "--", "bound.lock")


def script(text):
    """``train.py`` with more code."""
    return lambda project: add(project, {"train.py": read(project, "train.py") + text})


def read(project, name):
    return (project.path / name).read_text("utf-8")


def add(project, files):
    project.write(files)
    return project.commit("much")


def store(project, kind, data):
    """The id of an object that git would not make by itself."""
    done = subprocess.run(
        ["git", "hash-object", "-w", "-t", kind, "--literally", "--stdin"],
        cwd=project.path,
        input=data,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def folder(project, entries):
    """The id of a tree: ``entries`` are (mode, name, id)."""
    rows = (f"{m} ".encode() + n.encode() + b"\0" + bytes.fromhex(i) for m, n, i in entries)
    return store(project, "tree", b"".join(rows))


def commit_with(project, name, mode, item):
    """A commit that adds one entry to the top folder, whatever it is."""
    top = []
    for line in project.git("ls-tree", "HEAD").splitlines():
        facts, _, known = line.partition("\t")
        top.append((facts.split()[0].lstrip("0"), known, facts.split()[2]))
    tree = folder(project, sorted([*top, (mode, name, item)], key=lambda entry: entry[1]))
    return project.git("commit-tree", tree, "-p", "HEAD", "-m", "much")


def nested(project, depth, width, leaf):
    tree = leaf
    for _ in range(depth):
        tree = folder(project, [("40000", f"d{n}", tree) for n in range(width)])
    return commit_with(project, "deep", "40000", tree)


def one_file(project):
    return folder(project, [("100644", "f", store(project, "blob", b"x"))])


def sparse(project, name, size):
    with (project.path / name).open("wb") as file:
        file.truncate(size)
    return project.commit("zeros")


def long_subject(project):
    tree, parent = project.git("rev-parse", "HEAD^{tree}", "HEAD").split()
    head = f"tree {tree}\nparent {parent}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\n"
    return store(project, "commit", head.encode() + b"x" * (50 << 20))


def many_commits(project):
    first = project.git("rev-parse", "HEAD")
    lines = [
        f"commit refs/heads/many\ncommitter a <a@b> {number} +0000\ndata 1\nm\n"
        + (f"from {first}\n" if number == 0 else "")
        for number in range(limits.COMMITS + 2)
    ]
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=project.path,
        input="".join(lines).encode(),
        check=True,
        capture_output=True,
    )
    return "many"


#: What is committed, and the object and the limit that the gate names.
TOO_MUCH = {
    "ten million paths by seven trees": (
        lambda p: nested(p, 7, 10, one_file(p)),
        f"more than {limits.ENTRIES} entries",
    ),
    "ten million empty folders": (
        lambda p: nested(p, 7, 10, folder(p, [])),
        f"more than {limits.ENTRIES} entries",
    ),
    "a thousand nested folders": (
        lambda p: nested(p, 1000, 1, one_file(p)),
        f"more than {limits.DEPTH} folders within each other",
    ),
    "a subject of 50 MB": (long_subject, "bytes: it could not be judged"),
    "a script of a gigabyte of zeros": (
        lambda p: sparse(p, "train.py", 1 << 30),
        "train.py has 1073741824 bytes",
    ),
    "a frozen file of a gigabyte of zeros": (
        lambda p: sparse(p, "prepare.py", 1 << 30),
        "prepare.py has 1073741824 bytes",
    ),
    "a list of half a million numbers": (script(f"x = [{'1,' * 500_000}]\n"), "train.py has 10"),
    "a short line many times": (script("x\n" * 180_000), "words and signs"),
    "many commits": (many_commits, f"more than {limits.COMMITS} commits"),
}


@pytest.mark.tier(2, but=1)
@pytest.mark.tier(3, but=3)
@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_is_too_much_is_said_soon_with_little_memory(project, gate, kind):
    make, words = TOO_MUCH[kind]

    status, peak, said = gate(make(project))

    assert (status, "Traceback" in said) == (2, False)
    assert words in said
    assert said.count("help: ") == 1
    assert peak < 300 << 10


#: Hostile input that is within the limits, and how the gate answers it.
LAWFUL_SIZE = {
    "remarks that begin a block of settings": (script("# /// script\n" * 4000), 0),
    "a block of settings that does not end": (script("# /// script\n" + "#\n" * 20_000), 0),
    "one requirement many times": (
        lambda p: add(p, {"requirements.txt": "six @ https://e.org\n" * 200_000}),
        1,
    ),
    "blank lines before an inclusion": (
        lambda p: add(p, {"requirements.txt": "\n" * 200_000 + "-r x\n"}),
        1,
    ),
    "a name of many requirements": (
        lambda p: commit_with(p, "requirements" * 20_000, "100644", store(p, "blob", b"")),
        1,
    ),
    "a key of many parts": (
        lambda p: add(p, {"pyproject.toml": ".".join("a" * 20_000) + " = 1\n"}),
        1,
    ),
}


@pytest.mark.tier(2, but=2)
@pytest.mark.parametrize("kind", LAWFUL_SIZE)
def test_time_grows_with_the_size_and_not_with_its_square(project, gate, kind):
    make, wanted = LAWFUL_SIZE[kind]

    status, peak, said = gate(make(project))

    assert status == wanted, said
    assert "Traceback" not in said
    assert peak < 300 << 10


def table(rows):
    return "".join(f"NOTE_{n} = {n}    # a long table of numbers\n" for n in range(rows))


def test_a_script_of_400_kilobytes_may_be_edited(project, gate):
    project.write({"train.py": read(project, "train.py") + table(10_000)})
    before = project.commit("a table")
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    assert (project.path / "train.py").stat().st_size > 400_000
    project.commit("an idea")

    assert gate("HEAD", "--trust", before)[0] == 0


@pytest.mark.tier(2)
def test_large_files_that_no_rule_reads_are_lawful(project, gate):
    with (project.path / "notes.bin").open("wb") as file:
        file.truncate(200 << 20)
    trust = project.commit("a large file")
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    project.commit("an idea")

    status, peak, said = gate("HEAD", "--trust", trust)

    assert status == 0, said
    assert peak < 100 << 10


@pytest.mark.tier(2)
@pytest.mark.parametrize("size", [1, 200 << 20])
def test_a_change_of_a_file_that_is_hashed_by_parts_is_found(project, monkeypatch, capsys, size):
    monkeypatch.chdir(project.path)
    with (project.path / "notes.bin").open("wb") as file:
        file.truncate(size)
    trust = project.commit("a file")
    assert run(["gate", "--trust", trust]) == 0

    with (project.path / "notes.bin").open("r+b") as file:
        file.seek(size - 1)
        file.write(b"x")

    assert run(["gate", "--trust", trust]) == 1
    assert "notes.bin was changed" in capsys.readouterr().out


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("form", ["--json", "--sarif", "--junit", "--github"])
def test_what_is_too_much_is_said_in_every_form(project, monkeypatch, capsys, form):
    monkeypatch.chdir(project.path)
    trust = project.git("rev-parse", "HEAD")
    nested(project, 250, 1, one_file(project))
    head = nested(project, 250, 1, one_file(project))

    assert run(["gate", "--head", head, "--trust", trust, form]) == 2

    said = capsys.readouterr()
    assert "folders within each other" in said.out
    assert "ouro: error: tree" in said.err


@pytest.mark.tier(2)
def test_many_calls_of_the_evaluation(laws, gate):
    status, peak, said = gate(script("evaluate_bpb(1);" * 9000 + "\n")(laws))

    assert status == 1
    assert "calls evaluate_bpb again" in said
    assert peak < 300 << 10


def test_a_huge_integer_is_written_in_hexadecimal(laws, gate):
    make = script(f"import prepare\nprepare.d[0x{'f' * 6000}] = 1\nprint(0x{'f' * 6000})\n")

    status, _, said = gate(make(laws))

    assert status == 1
    assert "train.py" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("coding", ["idna", "punycode"])
def test_an_encoding_that_is_not_read_is_not_lawful(project, gate, coding):
    text = f"# coding: {coding}\n" + read(project, "train.py")

    status, _, said = gate(add(project, {"train.py": text}))

    assert status == 2
    assert f"train.py declares the encoding '{coding}'" in said


def test_an_encoding_is_declared_in_the_first_two_lines_alone():
    long = b"#" * 1100 + b"\n"

    with pytest.raises(OuroError, match="declares the encoding 'idna'"):
        source_encoding.demand_readable(long + b"# coding: idna\n", "train.py")
    source_encoding.demand_readable(b"#\n#\n# coding: idna\n", "train.py")
