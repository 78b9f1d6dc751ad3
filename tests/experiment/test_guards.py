"""``[[guard]]``: limits of secondary numbers."""

from types import SimpleNamespace

import pytest

from pytest_ouro.bound.guards import Guard
from pytest_ouro.bound.read import parse
from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.errors import BoundError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun
from pytest_ouro.experiment.steps import evaluate_command
from pytest_ouro.experiment.supervision import run_clock
from pytest_ouro.experiment.verdict.compare import compare
from pytest_ouro.experiment.verdict.guards import check_guards
from tests.experiment.test_confinement import needed


def guard(**values):
    return Guard(id="g", rule="A rule.", **values)


def run(reason=Reason.IMPROVED, **facts):
    return FinishedRun(
        time="", run="0" * 12, commit="a" * 40, status=reason.status, reason=reason, row="", **facts
    )


def judged(one, number, *kept, metric="latency"):
    """Judge one guard of a run whose ``metric`` is ``number``, after the keeps."""
    numbers = {} if number is None else {metric: number}
    runs = [run(guarded={metric: value} if value is not None else {}) for value in kept]
    [found] = check_guards([one], run(guarded=numbers), runs)
    return found


ABSOLUTE = [
    ({"at_most": 5}, 5.0, True, ""),
    ({"at_most": 5}, 5.1, False, "g:5.1>5"),
    ({"at_least": 0.9}, 0.9, True, ""),
    ({"at_least": 0.9}, 0.8, False, "g:0.8<0.9"),
    ({"at_most": 0}, -1.0, True, ""),
    ({"at_most": 5}, None, False, "g:unknown"),
    ({"at_most": 5}, float("nan"), False, "g:unknown"),
    ({"at_most": 1e7}, 1e7 + 1, False, "g:10000001>10000000"),
    ({"at_least": 5}, float("inf"), False, "g:unknown"),
]


@pytest.mark.parametrize(("limit", "number", "holds", "brief"), ABSOLUTE)
@pytest.mark.parametrize("kept", [(), (1.0,)])
def test_a_limit(limit, number, holds, brief, kept):
    found = judged(guard(metric="latency", **limit), number, *kept)
    assert (found.holds, found.brief) == (holds, brief)


RELATIVE = [
    ({"at_most": 1.1, "of": "best"}, 11.0, (10.0, 100.0), True),
    ({"at_most": 1.1, "of": "best"}, 11.1, (10.0, 100.0), False),
    ({"at_most": 1.1, "of": "baseline"}, 110.0, (10.0, 100.0), True),
    ({"at_most": 1.1, "of": "baseline"}, 111.0, (10.0, 100.0), False),
    ({"at_most": 1, "of": "best", "tolerance": 3}, 13.0, (10.0,), True),
    ({"at_most": 1, "of": "best", "tolerance": 3}, 13.5, (10.0,), False),
    ({"at_least": 0.9, "of": "best"}, 9.0, (10.0,), True),
    ({"at_least": 0.9, "of": "best"}, 8.9, (10.0,), False),
    ({"at_least": 1, "of": "best", "tolerance": 2}, 8.0, (10.0,), True),
    ({"at_least": 1, "of": "best", "tolerance": 2}, 7.9, (10.0,), False),
    ({"at_most": 1.1, "of": "best"}, -9.0, (-10.0,), True),
    ({"at_most": 1.1, "of": "best"}, -8.9, (-10.0,), False),
    ({"at_most": 1.1, "of": "best"}, 99.0, (), True),
    ({"at_most": 1.1, "of": "best"}, 5.0, (None,), False),
    ({"at_most": 1.1, "of": "baseline"}, 5.0, (10.0, None), False),
]


@pytest.mark.parametrize(("limit", "number", "kept", "holds"), RELATIVE)
def test_a_limit_against_a_reference(limit, number, kept, holds):
    assert judged(guard(metric="latency", **limit), number, *kept).holds is holds


def test_both_numbers_are_named():
    one = guard(metric="latency", at_most=1.5, of="best")
    assert judged(one, 20.0, 10.0).text == (
        "guard g is broken: latency 20, at most 15 (10 of the best, aaaaaaa): A rule."
    )
    assert judged(one, 20.0, None).text.startswith(
        "guard g could not be judged: there is no number 'latency' of the best, aaaaaaa"
    )


@pytest.mark.parametrize(
    ("metric", "facts"),
    [
        ("peak-memory", {"peak_mb": 7.0}),
        ("wall-time", {"wall_seconds": 7.0}),
        ("cpu-time", {"cpu_seconds": 7.0}),
        ("code-size", {"code_size": 7}),
    ],
)
def test_numbers_of_the_record(metric, facts):
    [found] = check_guards([guard(metric=metric, at_most=6)], run(**facts), [])
    assert (found.holds, found.value, found.limit) == (False, 7, 6)


def test_a_number_that_was_printed_before_there_was_the_guard():
    one = guard(metric="latency", at_most=1, of="best")
    [found] = check_guards([one], run(guarded={"latency": 2.0}), [run(evaluated={"latency": "1"})])
    assert (found.holds, found.limit) == (False, 1)


def test_an_exit_status_must_be_0():
    one = guard(command=("make", "test"))
    assert judged(one, 0.0, metric="make test: exit status").holds
    assert judged(one, 2.0, metric="make test: exit status").brief == "g:2>0"


@pytest.mark.parametrize(
    ("peak", "reason"), [(50.0, "baseline"), (70.0, "guard"), (0.0, "guard"), (None, "guard")]
)
def test_the_first_run_keeps_the_limits_too(peak, reason):
    measured = MeasuredRun(
        time="", run="0" * 12, commit="a" * 40, metric_name="val_bpb", level="supervised",
        outcome="ok", value=1.0, measured_value=1.0, peak_mb=peak,
    )  # fmt: skip
    bound = parse(BOUND + 'metric = "peak-memory"\nat-most = 60\n')
    found = compare(
        [],
        ["a" * 40],
        measured,
        experiment=bound.experiment,
        rule=bound.verdicts["cpu"],
        guards=bound.guards,
    )
    assert found.reason == reason
    assert ("guard g " in found.message) is (reason == "guard")


@pytest.mark.parametrize(("trust", "reason"), [("b" * 40, "unchanged"), ("c" * 40, "improved")])
def test_code_that_a_guard_discarded_has_a_chance_under_other_rules(trust, reason):
    base = {"value": 2.0, "measured_value": 2.0, "outcome": "ok", "level": "supervised"}
    kept = run(Reason.BASELINE, **base)
    lost = replace(
        run(Reason.GUARD, **{**base, "value": 1.0}),
        commit="d" * 40,
        best_commit=kept.commit,
        code_meaning="same",
        trust="b" * 40,
    )
    again = MeasuredRun(
        **{**base, "value": 1.0}, time="", run="1" * 12, commit="e" * 40, code_meaning="same",
        trust=trust,
    )  # fmt: skip
    experiment = parse(BOUND + 'metric = "x"\nat-most = 1\n').experiment
    history = ["e" * 40, kept.commit]
    found = compare(
        [kept, lost],
        history,
        again,
        experiment=experiment,
        rule=VerdictRule(noise=0.0),
    )
    assert found.reason == reason


BOUND = """\
[experiment]
command = ["make"]
evaluate-command = ["./score"]
editable = ["x.c"]
budget = 5

[[iron-law]]
id = "scope"
rule = "Only x.c."
check = "scope"

[[guard]]
id = "g"
rule = "A rule."
"""
FAULTS = [
    ("", ":12: [guard]: lacks 'metric' or 'command'"),
    ('metric = "x"', "has no limit: write 'at-most' or 'at-least'"),
    ('metric = "x"\nat-most = 1\nat-least = 0', "write a guard for each"),
    ('metric = "x"\nat-most = 1\ntolerance = 2', "'tolerance' has no effect without 'of'"),
    ('command = ["x"]\nof = "best"\nat-most = 1', "'of' has no effect on an exit status"),
    ('metric = "x y"\nat-most = 1', ":15: 'metric' in [guard] must be text, a name without"),
    ('metric = "x"\nat-most = nan', "'at-most' in [guard] must be a number"),
    ('metric = "x"\nat-most = 1\nof = "last"', "'of' in [guard] must be"),
    ('metric = "x"\nat-most = 1\ntolerance = -1\nof = "best"', "'tolerance' in [guard] must be"),
    ("command = []", "'command' in [guard] must be"),
    ('command = ["x"]\nlimit = 3', "unknown key 'limit' in [guard]"),
    ('metric = "x"\nat-most = 1\n[[guard]]\nid = "g"\nrule = "B."\ncommand = ["x"]', "already a"),
]


@pytest.mark.parametrize(("lines", "words"), FAULTS)
def test_a_fault_of_a_guard_has_its_line(lines, words):
    with pytest.raises(BoundError) as caught:
        parse(BOUND + lines + "\n")
    assert words in str(caught.value).splitlines()[0]


def test_a_guard_table_is_a_list():
    with pytest.raises(BoundError, match=r"write \[\[guard\]\], with two brackets"):
        parse(BOUND.replace("[[guard]]", "[guard]") + 'metric = "x"\nat-most = 1\n')


@pytest.mark.parametrize("lines", ['metric = "loss"\nat-most = 1', 'command = ["make"]'])
def test_a_claim_of_a_script_guards_nothing(lines):
    script = BOUND.replace('command = ["make"]', 'script = "x.py"', 1).replace(
        'evaluate-command = ["./score"]', 'harness = "h.py"\nevaluate = "f"'
    )
    with pytest.raises(BoundError, match="needs an experiment with 'evaluate-command'"):
        parse(script + lines + "\n")
    [found] = parse(script + 'metric = "wall-time"\nat-most = 9\n').guards
    assert found.recorded == "wall_seconds"


COMMAND = (
    ('script    = "train.py"\n', ""),
    ('harness   = "prepare.py"\n', 'command = ["python", "train.py"]\n'),
    ('evaluate  = "evaluate_bpb"', 'evaluate-command = ["python", "prepare.py"]'),
    ("budget    = 0.3", "budget    = 60"),
    ("timeout   = 20", "timeout   = 600"),
)
EVALUATION = """\
import os, pathlib
print(pathlib.Path(os.environ["OURO_CANDIDATE"], "train.py").read_text()[1:])
"""
TESTS = """\
import os, pathlib, sys
sys.exit("bad" in pathlib.Path(os.environ["OURO_CANDIDATE"], "train.py").read_text())
"""
GUARDS = """
[[guard]]
id = "latency"
rule = "Not much slower."
metric = "latency"
at-most = 1.5
of = "baseline"

[[guard]]
id = "tests"
rule = "All tests pass."
command = ["python", "tests.py"]
"""


LINE = 'X = """\nval_bpb: {}\nlatency: {}\n"""\n'


@pytest.mark.tier(2)
def test_a_run_that_breaks_a_guard_is_a_discard(lab):
    (lab.path / "bound.toml").write_text((lab.path / "bound.toml").read_text() + GUARDS)
    evaluation = EVALUATION.replace("[1:]", '.split(\'"""\')[1]')
    lab.bound(*COMMAND, train_py=LINE.format(2.0, 10), prepare_py=evaluation, tests_py=TESTS)
    assert lab.run().reason == "baseline"
    kept = lab.run(LINE.format(1.9, 15))
    assert kept.reason == "improved"
    assert [one["holds"] for one in kept.record.guards] == [True, True]

    slow = lab.run(LINE.format(1.0, 16))
    assert (slow.status, slow.reason, slow.best) == ("discard", "guard", 1.9)
    assert slow.last_line.endswith(" reason=guard guard=latency:16>15")
    [line] = [line for line in slow.lines(quiet=True) if "guard" in line]
    assert line.startswith("ouro: guard latency is broken: latency 16, at most 15 (10 of the base")
    assert slow.record.message in line

    failing = lab.run(LINE.format(1.0, 10) + "# bad\n")
    assert failing.last_line.endswith(" reason=guard guard=tests:1>0")

    silent = lab.run(LINE.format(1.0, "fast"))
    assert silent.last_line.endswith(" reason=guard guard=latency:unknown")
    printed = lab.run(LINE.format(1.0, 10).replace("latency: 10", "p50 1 | latency=1,600"))
    assert printed.last_line.endswith(" reason=guard guard=latency:1600>15")
    assert lab.run(LINE.format(1.95, 99)).reason == "worse"


MEMORY = """
[[guard]]
id = "memory"
rule = "Some memory."
metric = "peak-memory"
at-most = {}
"""


@pytest.mark.tier(2)
def test_the_memory_of_a_command_that_no_scan_has_seen_is_limited(lab, monkeypatch):
    monkeypatch.setattr(run_clock, "_first_scan", lambda: float("inf"))
    least = int(run_clock._largest_mb())
    (lab.path / "bound.toml").write_text(
        (lab.path / "bound.toml").read_text() + MEMORY.format(least + 300)
    )
    lab.bound(*COMMAND, train_py="# val_bpb: 2\n", prepare_py=EVALUATION)
    small = lab.run()
    assert (small.reason, small.record.guards[0]["holds"]) == ("baseline", True)
    assert 0 < small.record.peak_mb < least + 300

    large = lab.run(f"# val_bpb: 1\nx = b'x' * ({least + 400} << 20)\n")
    assert "guard=memory:" in large.last_line, large.message
    assert large.record.peak_mb > least + 400


#: The candidate: asked by a guard, it reads the answers, opens a socket and writes to its folder.
PROBE = """\
import socket, sys
from pathlib import Path
def able(action):
    try:
        action()
    except OSError:
        return "no"
    return "yes"
if sys.argv[1:]:
    print("answers", able(lambda: Path(sys.argv[1], "answers.txt").read_text()))
    print("network", able(lambda: socket.socket(socket.AF_INET)))
    print("folder", able(lambda: Path("kept.txt").write_text("kept")))
"""
#: The guard's command: it reads the answers itself, and starts the candidate in the sandbox, or
#: beside itself.
ASKS = """\
import os, shlex, subprocess, sys
from pathlib import Path
assert Path("answers.txt").read_text() == "42"
here = str(Path.cwd())
confined = [*shlex.split(os.environ["OURO_CONFINE"]), "python", "train.py", here]
beside = [sys.executable, Path(os.environ["OURO_CANDIDATE"], "train.py"), here]
done = subprocess.run({start}, stdout=subprocess.PIPE, text=True, check=True)
print("the candidate said:", *done.stdout.split())
sys.exit("yes" in done.stdout)
"""
HIDES = 'validation = ["answers.txt"]\nhighest = "{}"\neditable'


@pytest.fixture
def guarded(lab):
    """``guarded(highest, start)``: run a command whose guard starts the candidate."""

    def guarded(highest, start):
        tests = GUARDS[GUARDS.index('[[guard]]\nid = "tests"') :]
        bound = (lab.path / "bound.toml").read_text() + "\n" + tests
        lab.project.write({"bound.toml": bound, "answers.txt": "42"})
        edits = (*COMMAND, ("editable", HIDES.format(highest)))
        asks = ASKS.replace("{start}", start)
        lab.bound(*edits, train_py=PROBE, prepare_py="print('val_bpb: 2')", tests_py=asks)
        return lab.run(), (lab.path / "run.log").read_text()

    return guarded


@pytest.mark.tier(2)
@needed
def test_what_a_guard_starts_of_the_candidate_runs_in_the_sandbox(guarded):
    result, log = guarded("sandboxed", "confined")

    assert (result.reason, result.level) == ("baseline", "sandboxed"), result.message
    assert [(one["id"], one["holds"]) for one in result.record.guards] == [("tests", True)]
    assert "the candidate said: answers no network no folder no\n" in log


def test_without_a_sandbox_what_a_guard_starts_reaches_all(guarded):
    result, log = guarded("supervised", "confined")

    assert (result.reason, result.level) == ("guard", "supervised")
    assert "the candidate said: answers yes network yes folder yes\n" in log


@needed
def test_a_guard_that_starts_the_candidate_beside_itself_lowers_the_level(guarded):
    result, _ = guarded("sandboxed", "beside")

    assert result.level == "supervised"
    assert "on the candidate's files without OURO_CONFINE (tests.py:" in result.record.level_why


@pytest.mark.parametrize(("code", "number"), [(0, 0.0), (3, 3.0), (-11, None)])
def test_a_command_that_a_signal_ends_has_no_exit_status(code, number):
    printed = SimpleNamespace(stopped="", exit_code=code)
    assert evaluate_command._number(guard(command=("true",)), printed) == number
