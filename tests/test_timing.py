"""``pytest_ouro.timing``: rounds, counts and statistics, with real programs."""

from __future__ import annotations

import math
import os
import random
import shlex
import statistics
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.cli.bless import bless
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.assurance.sandbox_spec import available
from pytest_ouro.experiment.run import Order, run_experiment
from pytest_ouro.timing import Asked, Comparison, Refused, Whole, command, compare
from pytest_ouro.timing.comparison import Round, log_ratio, median

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads another process's CPU clock")
#: A program that prints twice the number on each line that it reads.
DOUBLES = "import sys\nfor line in sys.stdin: print(2 * int(line), flush=True)"
SLOW = (
    "import sys, time\nfor line in sys.stdin:\n    end = time.process_time() + 0.02\n"
    "    while time.process_time() < end: pass\n    print(2 * int(line), flush=True)"
)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def burn(seconds: float) -> str:
    """Statements that use this many CPU seconds, however slow the machine is."""
    used = "any(0 for _ in iter(lambda: time.process_time() < end, False))"
    return f"import time; end = time.process_time() + {seconds}; {used}"


def rounds_of(ratios: list[float], second: float = 1.0) -> list[Round]:
    """Rounds with these ratios, in alternating order; what is second takes ``second`` times as
    much."""
    made = []
    for number, ratio in enumerate(ratios):
        first = number % 2 == 0
        reference, candidate = (1.0, ratio * second) if first else (second, ratio)
        made.append(Round(reference, candidate, first))
    return made


# Statistics.


def test_the_error_of_a_median_is_that_of_many_medians():
    draw = random.Random(4)
    for n in (6, 10, 20, 40):
        found = [median([draw.gauss(5, 2) for _ in range(n)]) for _ in range(3000)]
        spread = statistics.stdev(one.value for one in found)
        stated = statistics.mean(one.error for one in found)
        assert 0.95 < stated / spread < 1.25, n


def test_what_the_second_place_costs_cancels():
    draw = random.Random(5)
    ratios = [0.8 * math.exp(draw.gauss(0, 0.01)) for _ in range(40)]

    plain, shifted = log_ratio(rounds_of(ratios)), log_ratio(rounds_of(ratios, second=1.3))

    assert shifted.value == pytest.approx(plain.value)
    assert shifted.error == pytest.approx(plain.error)
    assert abs(plain.value - math.log(0.8)) < 4 * plain.error


def test_a_quarter_of_disturbed_rounds_moves_the_ratio_little():
    draw = random.Random(6)
    ratios = [0.9 * math.exp(draw.gauss(0, 0.01)) for _ in range(40)]
    disturbed = [*ratios[:30], *(3.0 for _ in range(10))]
    draw.shuffle(disturbed)

    found = Comparison(tuple(rounds_of(disturbed))).ratio

    assert abs(math.log(found.value / 0.9)) < 0.02
    assert found.error < 0.01


@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=30),
    st.floats(0.001, 1000),
    st.booleans(),
)
def test_a_faster_machine_changes_no_ratio(ratios, speed, same):
    rounds = rounds_of(ratios, 1.0 if same else 1.5)
    faster = [Round(one.reference * speed, one.candidate * speed, one.reference_first)
              for one in rounds]  # fmt: skip

    before, after = (Comparison(tuple(some)) for some in (rounds, faster))

    assert after.ratio.value == pytest.approx(before.ratio.value)
    assert after.candidate.value == pytest.approx(before.candidate.value * speed)


def test_the_error_of_one_round_is_not_known_and_that_of_equal_ones_is_0():
    assert median([2.0]).error == math.inf
    assert median([2.0] * 4) == (2.0, 0.0)
    assert median([2.0, 2.0, 2.0, 3.0]).error > 0  # the median absolute deviation is 0
    with pytest.raises(statistics.StatisticsError):
        median([])


def test_a_report_has_times_and_ratio_or_rates_and_their_inverse():
    found = Comparison(tuple(rounds_of([0.5] * 4)))

    times = dict(line.split(": ") for line in found.report("run_ms", factor=1e3).splitlines())
    rates = dict(line.split(": ") for line in found.report("rows", work=10).splitlines())

    assert times == {
        "run_ms": "500", "run_ms_error": "0", "run_ms_reference": "1000",
        "run_ms_ratio": "0.5", "run_ms_ratio_error": "0",
    }  # fmt: skip
    assert (rates["rows"], rates["rows_reference"], rates["rows_ratio"]) == ("20", "10", "2")


# Rounds.


def test_two_rounds_have_opposite_orders_and_the_first_is_drawn():
    asked: list[str] = []

    def program(name: str):
        def answer(question: bytes) -> tuple[bytes, float]:
            asked.append(name)
            return question, 1.0

        return answer

    firsts = set()
    for _ in range(30):
        asked.clear()
        compare(program("r"), program("c"), lambda: b"?", rounds=4)
        counted = "".join(asked[2:])  # after the round that is not counted
        blocks = [counted[:4], counted[4:]]
        assert set(blocks) <= {"rccr", "crrc"}
        firsts |= set(blocks)
    assert firsts == {"rccr", "crrc"}


def test_each_round_has_a_new_question_and_the_first_does_not_count():
    numbers = iter(range(100))
    seen: list[bytes] = []

    def program(question: bytes) -> tuple[bytes, float]:
        seen.append(question)
        return b"", 1.0 if len(seen) > 2 else 1000.0

    found = compare(program, program, lambda: str(next(numbers)).encode(), rounds=2)

    assert seen == [b"0", b"0", b"1", b"1", b"2", b"2"]
    assert [one.candidate for one in found.rounds] == [1.0, 1.0]


def test_another_answer_is_refused_unless_that_is_allowed():
    right, wrong = (lambda _: (b"4", 1.0)), (lambda _: (b"5", 1.0))

    with pytest.raises(Refused, match="answer is not that of the reference"):
        compare(right, wrong)
    assert compare(right, wrong, equal=None).ratio.value == 1.0
    assert compare(right, wrong, equal=lambda one, other: int(one) > int(other)).ratio.value == 1.0


@pytest.mark.parametrize("rounds", [0, 3, -2])
def test_an_odd_number_of_rounds_is_an_error(rounds):
    with pytest.raises(ValueError, match="must be even"):
        compare(lambda _: (b"", 1.0), lambda _: (b"", 1.0), rounds=rounds)


# Programs.


@LINUX
def test_a_program_that_is_asked_is_timed_by_its_own_clock():
    waits = DOUBLES.replace("print", "import time; time.sleep(0.002); print")
    with Asked(python(waits)) as idle, Asked(python(SLOW)) as busy:
        found = compare(idle, busy, lambda: b"21\n", rounds=6)

    assert found.ratio.value > 3  # waiting costs no CPU seconds
    assert busy.peak_mb > 5


def test_an_answer_may_have_a_length_and_wall_seconds_count_waiting():
    program = "import os, time\nwhile os.read(0, 4): time.sleep(0.01); os.write(1, b'12345678')"
    with Asked(python(program), length=8, count="wall") as asked:
        answer, taken = asked(b"abcd")

    assert (answer, taken >= 0.01) == (b"12345678", True)


@pytest.mark.parametrize("program", ["pass", "input()", "input(); print(end='')"])
def test_a_program_that_does_not_answer_is_refused(program):
    def ask() -> None:
        with Asked(python(program), count="wall") as asked:
            for _ in range(2):
                asked(b"1\n")

    with pytest.raises(Refused, match=r"no answer|has ended"):
        ask()


def test_a_program_is_ended_after_an_error():
    with pytest.raises(KeyError), Asked(["sleep", "60"], count="wall") as asked:
        raise KeyError

    assert asked._process.returncode == -9


def test_the_candidate_is_started_as_the_supervisor_says(monkeypatch):
    monkeypatch.setenv("OURO_CONFINE", "env 'PLACE=a sandbox'")
    tells = "import os; print(os.environ.get('PLACE')); sum(range(300_000))"

    assert Whole(python(tells), candidate=True)(b"")[0] == b"a sandbox\n"
    assert Whole(python(tells))(b"")[0] == b"None\n"
    tells = "import os\nwhile input(): print(os.environ.get('PLACE'), flush=True)"
    with Asked(python(tells), candidate=True, count="wall") as asked:
        assert asked(b"?\n")[0] == b"a sandbox\n"


@pytest.mark.tier(2)
def test_the_cost_of_the_start_is_subtracted(monkeypatch):
    start = f"import os, sys; {burn(0.2)}; os.execvp(sys.argv[1], sys.argv[1:])"
    monkeypatch.setenv("OURO_CONFINE", shlex.join(python(start)))
    program = python(burn(0.1))

    found = compare(Whole(program), Whole(program, candidate=True), rounds=2)

    assert 0.5 < found.ratio.value < 2  # not 3


def test_children_that_were_waited_for_count(tmp_path):
    child = python(burn(0.1))
    alone, parent = Whole(child), Whole(python(f"import subprocess; subprocess.run({child!r})"))

    assert parent(b"")[1] > 0.5 * alone(b"")[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["false"], "false failed with status 1"),
        (["no-such-program"], "'no-such-program' cannot be started: No such file"),
        (["true"], "takes hardly longer than its start"),
        (python("import os; os.kill(os.getpid(), 9)"), "failed with status -9"),
    ],
)
def test_a_program_without_a_lawful_time_is_refused(words, why):
    with pytest.raises(Refused, match=why):
        [Whole(words)(b"") for _ in range(20)]


FAKE_PERF = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
file=$2; shift 3
"$@" || exit
echo "# started" > "$file"
echo "{counted},,instructions:u,1,100.00,," >> "$file"
"""


@pytest.mark.parametrize("counted", ["123456", "<not supported>"])
def test_instructions_are_what_perf_counts(monkeypatch, tmp_path, counted):
    perf = tmp_path / "perf"
    perf.write_text(FAKE_PERF.format(counted=counted))
    perf.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program = Whole(["sh", "-c", "cat"], count="instructions")

    if counted.isdecimal():
        with pytest.raises(Refused, match="hardly longer than its start"):  # all count the same
            program(b"text")
    else:
        with pytest.raises(Refused, match="perf counts no instructions on this machine: count cpu"):
            program(b"text")


def test_without_perf_there_are_no_instructions(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(Refused, match="'perf', which is not installed: count cpu"):
        Whole(["/bin/true"], count="instructions")(b"")
    with pytest.raises(Refused, match="of whole programs"):
        Asked(["/bin/true"], count="instructions")


# The command.


def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest_ouro.timing", *words],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_the_metric_its_error_and_the_ratio(tmp_path):
    (tmp_path / "numbers").write_text("100")
    code = f"n = int(input()); {burn(0.1)}; print(n)"

    done = run(
        "--reference", *python(code), "--metric", "run_ms", "--rounds", "4",
        "--input", str(tmp_path / "numbers"), "--same-output",
        "--candidate", *python(code.replace("0.1", "0.05")),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    facts = dict(line.split(": ") for line in done.stdout.splitlines())
    assert list(facts) == [
        f"run_ms{end}" for end in ("", "_error", "_reference", "_ratio", "_ratio_error")
    ]
    assert 0.1 < float(facts["run_ms_ratio"]) < 0.9
    assert float(facts["run_ms"]) < float(facts["run_ms_reference"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--candidate", "true"], "--reference is missing"),
        (["--reference", "true", "--candidate"], "--candidate is missing"),
        (["true"], "'true' belongs to no option"),
        (["--rounds"], "--rounds lacks its value"),
        (["--rounds", "3", "--reference", "a", "--candidate", "b"], "write an even number"),
        (["--rounds", "x", "--reference", "a", "--candidate", "b"], "write a number above 0"),
        (["--unit", "h", "--reference", "a", "--candidate", "b"], "write one of s, ms, us, ns"),
        (["--count", "x", "--reference", "a", "--candidate", "b"], "wall, cpu, instructions"),
        (["--count", "instructions", "--unit", "s", "--reference", "a", "--candidate", "b"],
         "--unit and --work are of times"),
        (["--input", "/no/file", "--reference", "a", "--candidate", "b"],
         "/no/file cannot be read: No such file"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_in_one_line(words, why):
    with pytest.raises(Refused) as caught:
        command.main(words)

    assert why in str(caught.value)
    assert "--help" in str(caught.value)


def test_a_wrong_output_fails_with_one_line_and_no_metric():
    words = ["--reference", *python("print(sum(range(10**6)))")]

    done = run(*words, "--candidate", *python("print(sum(range(1, 10**6)) + 1)"), "--same-output")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the candidate's answer is not that of the reference\n"


def test_help_names_each_option(capsys):
    command.main([])
    command.main(["--help"])

    text = capsys.readouterr().out
    for option in (*command._COMMANDS, *command._VALUES, "--same-output"):
        assert option in text


def test_it_imports_neither_torch_nor_pytest_nor_the_rest_of_the_package():
    code = "import sys, pytest_ouro.timing.command; print(*sys.modules)"
    done = subprocess.run(python(code), capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())

    ours = {name for name in modules if name.startswith("pytest_ouro.")}
    assert all(name.startswith("pytest_ouro.timing") for name in ours)
    assert not {name.partition(".")[0] for name in modules} & {
        "torch",
        "pytest",
        "_pytest",
        "numpy",
    }


BOUND = """\
[experiment]
command          = ["python", "-c", "pass"]
evaluate-command = ["python", "-m", "pytest_ouro.timing", "--reference", "python", "usual.py",
                    "--candidate", "python", "work.py", "--same-output", "--rounds", "4"]
editable         = ["work.py"]
validation       = ["usual.py"]
metric           = "time_ratio"
budget           = 20
device           = "cpu"

[[iron-law]]
id    = "only-work-py"
rule  = "Only work.py is changed."
check = "scope"
"""
WORK = f"{burn(0.1)}\nprint(3)\n"


@pytest.mark.tier(2)
def test_it_is_an_evaluate_command(new_repository):
    ignored = "results.tsv\nrun.log\n"
    files = {"bound.toml": BOUND, "work.py": WORK, "usual.py": WORK, ".gitignore": ignored}
    new_repository.write(files)
    new_repository.commit("the experiment")
    bless(new_repository.path / "bound.toml")
    new_repository.commit("bless")

    first = run_experiment(open_case(new_repository.path / "bound.toml"), Order())
    new_repository.commit("faster", {"work.py": WORK.replace("0.1", "0.05")})
    second = run_experiment(open_case(new_repository.path / "bound.toml"), Order())

    assert (first.status, first.reason) == ("keep", "baseline"), first.message
    assert second.status == "keep", second.message
    assert second.record["value"] < first.record["value"]
    assert "time_error" in first.record["evaluated"]
    level = "sandboxed" if available((sys.executable,)).ok else "supervised"
    assert first.record["level"] == second.record["level"] == level
