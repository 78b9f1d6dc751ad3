"""A command and its evaluation apart: the level and its reason, the copies, the audit hook."""

import os
from types import SimpleNamespace

import pytest

from pytest_ouro.child.evaluation.observe import Observer
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.assurance.level import reachable
from pytest_ouro.experiment.assurance.sandbox_spec import Availability
from pytest_ouro.experiment.steps.hand_over import hand_over
from pytest_ouro.experiment.terms.names import python_words

COMMAND = (
    ('script    = "train.py"\n', ""),
    ('harness   = "prepare.py"\n', 'command = ["python", "train.py"]\n'),
    ('evaluate  = "evaluate_bpb"', 'evaluate-command = ["python", "prepare.py"]'),
)
HIDES = ("editable", 'validation = ["prepare.py"]\neditable')


@pytest.mark.parametrize(
    ("edits", "sandbox", "level", "why"),
    [
        ((), "", "supervised", "the bound names no 'validation' files that could be hidden"),
        ((HIDES,), "", "sandboxed", ""),
        ((HIDES,), "an old kernel", "supervised", "no sandbox: an old kernel"),
        (
            (HIDES, ("editable", 'highest = "judged"\neditable')),
            *("", "judged", 'the bound says highest = "judged"'),
        ),
        (
            (HIDES, ("editable", 'highest = "supervised"\neditable')),
            *("", "supervised", 'the bound says highest = "supervised"'),
        ),
        (
            (HIDES, ('["python", "prepare.py"]', '["sh", "-c", "python prepare.py"]')),
            *("", "supervised", "evaluate-command does not start a Python script"),
        ),
        (
            (("editable", 'validation = ["gone/*"]\neditable'),),
            *("", "supervised", "validation files missing: gone/*"),
        ),
    ],
)
def test_the_level_of_a_command_and_why_it_is_not_higher(lab, edits, sandbox, level, why):
    lab.bound(*COMMAND, *edits)
    case = open_case(lab.path / "bound.toml")

    found = reachable(case, case.experiment, lambda: Availability(not sandbox, sandbox))

    assert found[0] == level
    assert why in found[1] if why else found[1] == ""


@pytest.mark.parametrize(
    ("words", "split"),
    [
        (("python", "a.py", "-x"), (("python",), ("a.py", "-x"))),
        (("python", "-I", "-u", "a.py"), (("python", "-I", "-u"), ("a.py",))),
        (("python", "-m", "a", "b"), (("python",), ("-m", "a", "b"))),
        (("python", "-m"), None),
        (("python", "-c", "print(1)"), None),
        (("python",), None),
        (("sh", "a.sh"), None),
    ],
)
def test_the_words_of_a_python_script(words, split):
    assert python_words(words) == split


def test_only_plain_files_are_handed_over(tmp_path):
    folder, to = tmp_path / "tree", tmp_path / "copies"
    (folder / "out/deep").mkdir(parents=True)
    (tmp_path / "answers.txt").write_text("secret")
    for name in ("out/model.json", "out/deep/log.txt", "other.txt", "out/a.pyc", ".git"):
        (folder / name).write_text(name)
    (folder / "out/model.json").chmod(0o755)
    (folder / "out/link.txt").symlink_to(tmp_path / "answers.txt")
    (folder / "out/folder").symlink_to(tmp_path)
    os.mkfifo(folder / "out/pipe")

    said = hand_over(folder, to, ("out/",))

    assert sorted(str(p.relative_to(to)) for p in to.rglob("*") if p.is_file()) == [
        "out/deep/log.txt",
        "out/model.json",
    ]
    assert (to / "out/model.json").stat().st_mode & 0o111 == 0
    assert sorted(said) == [
        "ouro: out/folder was not handed over: it is a link",
        "ouro: out/link.txt was not handed over: it is a link",
        "ouro: out/pipe was not handed over: it is not a plain file",
    ]


def test_all_files_are_handed_over_that_the_disk_holds(tmp_path):
    folder, to = tmp_path / "tree", tmp_path / "copies"
    folder.mkdir()
    (folder / "small").write_text("small")
    with (folder / "large").open("wb") as file:
        file.truncate(1 << 43)  # a hole, which takes no room

    assert hand_over(folder, to, ()) == ["ouro: large was not handed over: the disk is full"]
    assert [path.name for path in to.iterdir()] == ["small"]


@pytest.fixture
def observed(tmp_path):
    """``observed(event, *arguments)``: what an observer reports of an event, or ""."""
    (tmp_path / "fast.py").write_text("def fast(values):\n    return sum(values)\n")
    (tmp_path / "params.json").write_text('{"degree": 7}')

    def observed(*events):
        reports = []
        channel = SimpleNamespace(report=lambda event, text: reports.append((event, text)))
        observer = Observer(channel, [str(tmp_path)], ["confine", "settings"])
        for event, *arguments in events:
            observer(event, tuple(arguments))
        assert all(event == "exposed" for event, _ in reports)
        return reports[0][1] if reports else ""

    return observed


def code(text, name="<string>", mode="exec"):
    return compile(text, name, mode)


def test_the_observer_reports_code_of_the_candidate(observed, tmp_path):
    fast = str(tmp_path / "fast.py")
    text = (tmp_path / "fast.py").read_text()
    at_once = [("compile", text, "<string>"), ("exec", code(text))]
    parsed = [("compile", text, "<unknown>"), ("compile", None, "<tree>")]

    assert observed(("exec", code("1", fast))).startswith("ran fast.py of the candidate")
    assert observed(*at_once).startswith("ran text of the candidate")
    assert observed(*parsed, ("exec", code("1", "<tree>"))).startswith("ran text of the candidate")
    assert observed(("import", "fast", f"{fast}.so", None)).startswith("loaded fast.py.so")
    assert observed(("ctypes.dlopen", fast)).startswith("loaded fast.py of the candidate")
    assert observed(("pickle.find_class", "os", "system")).startswith("unpickled data")
    assert observed(("import", "fast", f"{fast}\0", None)) == ""


@pytest.mark.parametrize(
    "event",
    [
        ("subprocess.Popen", "python", ["python", "{0}/fast.py"], None, None),
        ("subprocess.Popen", "make", ["make"], "{0}", None),
        ("subprocess.Popen", "{0}/program", ["{0}/program"], None, None),
        ("subprocess.Popen", "sh", ["sh", "-c", "python $OURO_CANDIDATE/fast.py"], None, None),
        ("os.system", "python {0}/fast.py"),
        ("os.exec", "python", ["python", "{0}/fast.py"], None),
        ("os.posix_spawn", b"/bin/node", [b"node", b"{0}/fast.js"], None),
    ],
)
def test_the_observer_reports_a_program_on_the_candidates_files(observed, tmp_path, event):
    def filled(value):
        if isinstance(value, list):
            return [filled(one) for one in value]
        if isinstance(value, bytes):
            return value.replace(b"{0}", os.fsencode(tmp_path))
        return value.format(tmp_path) if isinstance(value, str) else value

    found = observed(tuple(map(filled, event)))

    assert found.startswith("started ")
    assert "on the candidate's files without OURO_CONFINE" in found


def test_the_observer_passes_honest_evaluations(observed, tmp_path):
    parameters = (tmp_path / "params.json").read_text()
    text = (tmp_path / "fast.py").read_text()
    confined = ["taskset", "1", "confine", "settings", "python", "fast.py"]

    assert observed(("exec", code("1", __file__))) == ""
    assert observed(("compile", parameters, "<unknown>"), ("exec", code("1", "<string>"))) == ""
    assert observed(("compile", text, "<unknown>"), ("exec", code("1", __file__))) == ""
    assert observed(("subprocess.Popen", "size", ["size", f"{tmp_path}/program"], None, None)) == ""
    assert observed(("subprocess.Popen", "taskset", confined, str(tmp_path), None)) == ""
    assert observed(("subprocess.Popen", "python", ["python", "own.py"], None, None)) == ""
    assert observed(("open", f"{tmp_path}/fast.py", "r", 0)) == ""
    assert observed(("import", "json", None, None)) == ""
