"""An experiment that is a command: run in the clean worktree, evaluated from the trusted commit."""

import os
import sys
from pathlib import Path

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.evidence.languages import code

#: Edits that turn the toy experiment into a command with an evaluation.
KEYS = (
    ('script    = "train.py"\n', ""),
    ('harness   = "prepare.py"\n', 'command = ["python", "train.py"]\n'),
    ('evaluate  = "evaluate_bpb"', 'evaluate-command = ["python", "prepare.py"]'),
    ("budget    = 0.3", "budget    = 60"),
    ("timeout   = 20", "timeout   = 600"),
)
EVALUATION = """\
import os, pathlib
found = pathlib.Path(os.environ["OURO_CANDIDATE"], "out.txt").read_text()
print("val_bpb:", found)
"""
WRITES = """\
import pathlib
pathlib.Path("out.txt").write_text("{}")
"""
OUT = WRITES.format("2.5")


@pytest.fixture
def make_bound(lab):
    """``make_bound(*edits, train, evaluation)``: the bound with a command, blessed."""

    def make(*edits, train=OUT, evaluation=EVALUATION):
        lab.bound(*KEYS, *edits, train_py=train, prepare_py=evaluation)
        return lab

    return make


def log(lab):
    return (lab.path / "run.log").read_text()


def test_the_metric_is_what_the_evaluation_printed(make_bound):
    lab = make_bound()
    result = lab.run()
    assert (result.status, result.val_bpb, result.level) == ("keep", 2.5, "supervised")
    record = result.record
    assert record["claimed"] is None
    assert record["evaluated"] == {"val_bpb": "2.5"}
    assert 0 < record["window_seconds"] < record["wall_seconds"]
    assert record["peak_mb"] >= 0  # 0 if it ended before its memory was read
    assert log(lab) == "val_bpb: 2.5\n"
    assert lab.run(WRITES.format("2.9")).reason == "worse"
    lab.clean()


def test_the_output_of_the_command_is_only_a_claim(make_bound):
    result = make_bound(train=OUT + "print('val_bpb: 0.1')\nprint('loss: 3')").run()
    assert (result.status, result.val_bpb) == ("keep", 2.5)
    assert result.record["claimed"] == 0.1
    assert result.record["claims"] == {"val_bpb": "0.1", "loss": "3"}
    assert not result.record["claim_agrees"]


def test_the_candidate_cannot_bring_its_own_evaluation(make_bound):
    cheat = "pathlib.Path('prepare.py').write_text('print(\"val_bpb: 0.1\")')"
    assert make_bound(train=OUT + cheat).run().val_bpb == 2.5


def test_the_evaluation_runs_in_the_trusted_tree_and_gets_the_path_of_the_other(make_bound):
    says = "import pathlib\nprint('cwd:', pathlib.Path.cwd())\nprint('env:', os.environ)\n"
    says += "print('val_bpb:', 1.0 + pathlib.Path('train.py').exists())"
    lab = make_bound(train="x = 1", evaluation="import os\n" + says)
    result = lab.run("x = 1  # a comment that trust does not have\n# and one more")
    assert result.val_bpb == 1.0
    here, there = log(lab).split("cwd: ")[1].split("\n")[0], result.record["evaluated"]["cwd"]
    assert here == there
    candidate = log(lab).split("'OURO_CANDIDATE': '")[1].split("'")[0]
    assert candidate != here
    assert not Path(candidate).exists()
    assert not Path(here).exists()


def test_the_evaluation_begins_when_nothing_of_the_command_is_left(make_bound):
    later = "import pathlib, time; time.sleep(0.6); pathlib.Path('out.txt').write_text('0.1')"
    starts = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {later!r}], start_new_session=True)
"""
    slow = "import time\ntime.sleep(1.2)\n" + EVALUATION
    assert make_bound(train=OUT + starts, evaluation=slow).run().val_bpb == 2.5


def test_words_are_words_not_a_shells(make_bound):
    command = '["python", "train.py", "$HOME; exit 3", "a b"]'
    train = OUT + "import sys\nprint('words:', sys.argv[1:])"
    lab = make_bound(('["python", "train.py"]', command), train=train)
    assert lab.run().status == "keep"
    assert "words: ['$HOME; exit 3', 'a b']\n" in log(lab)


def test_python_is_the_interpreter_that_runs_us(make_bound):
    lab = make_bound(train=OUT + "import sys\nprint(sys.executable)")
    lab.run()
    assert log(lab).splitlines()[0] == sys.executable


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists descriptors")
def test_the_command_has_no_way_to_the_supervisor(make_bound):
    train = OUT + "import os\nprint('fds', sorted(map(int, os.listdir('/proc/self/fd')))[:3])\n"
    train += "print('links', [os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in range(3)])\n"
    train += (
        "print('sockets', sum('socket' in os.readlink(f'/proc/self/fd/{n}') for n in range(3)))"
    )
    lab = make_bound(train=train)
    lab.run()
    assert "fds [0, 1, 2]\n" in log(lab)
    assert "sockets 0\n" in log(lab)


def test_a_broken_pipe_ends_a_command_as_in_a_shell(make_bound):
    command = '["sh", "-c", "python train.py; yes | head -1; exit 0"]'
    lab = make_bound(('["python", "train.py"]', command.replace("python", sys.executable, 1)))
    assert lab.run().status == "keep"
    assert log(lab).startswith("y\nval_bpb")


BAD_ENDS = {
    "its exit status": ("import sys; sys.exit(3)", "crash", "python train.py exited with status 3"),
    "an exception": ("1 / 0", "crash", "python train.py exited with status 1"),
    "a signal": (
        *("import os; os.kill(os.getpid(), 11)", "crash"),
        "python train.py was killed by SIGSEGV",
    ),
    "beyond its budget": (
        *("import time; time.sleep(60)", "breach"),
        "python train.py was killed: it went on beyond its budget",
    ),
}


@pytest.mark.parametrize(("train", "reason", "message"), BAD_ENDS.values(), ids=BAD_ENDS)
def test_a_command_that_ends_badly_is_not_evaluated(make_bound, train, reason, message):
    evaluation = "print('evaluated')\nprint('val_bpb: 1')"
    budget = 1 if reason == "breach" else 60
    lab = make_bound(
        ("budget    = 60", f"budget    = {budget}"), train=train, evaluation=evaluation
    )
    result = lab.run()
    assert (result.status, result.reason, result.message) == ("crash", reason, message)
    assert result.val_bpb is None
    assert "evaluated" not in log(lab)
    lab.clean()


BAD_EVALUATIONS = {
    "its exit status": (
        *("print('val_bpb: 1')\nraise SystemExit('wrong output')", "crash"),
        "evaluate-command exited with status 1",
    ),
    "a signal": ("import os; os.abort()", "crash", "evaluate-command was killed by SIGABRT"),
    "nothing printed": ("print('val: 1')", "crash", "evaluate-command printed no 'val_bpb:' line"),
    "nan": ("print('val_bpb: nan')", "nan", "evaluate-command printed val_bpb: nan"),
    "a word": ("print('val_bpb: good')", "nan", "evaluate-command printed val_bpb: good"),
    "two values": (
        "print('val_bpb: 99\\nval_bpb: 2.5')",
        "crash",
        "evaluate-command printed val_bpb 99 and then 2.5: 'metric-which' in bound.toml says which",
    ),
    "no end": ("import time; time.sleep(60)", "timeout", "evaluate-command was killed after"),
}


@pytest.mark.parametrize(("evaluation", "reason", "message"), BAD_EVALUATIONS.values(),
                         ids=BAD_EVALUATIONS)  # fmt: skip
def test_an_evaluation_that_fails_is_named(make_bound, evaluation, reason, message):
    short = (("budget    = 60", "budget    = 8"), ("timeout   = 600", "timeout   = 10"))
    edits = short if reason == "timeout" else ()
    lab = make_bound(*edits, train="print('ran')", evaluation=evaluation)
    result = lab.run()
    assert (result.status, result.reason) == ("crash", reason)
    assert result.message.startswith(message)
    assert result.tail[0] == "ran"
    lab.clean()


def test_the_output_of_the_evaluation_is_shown(make_bound):
    result = make_bound(evaluation="raise SystemExit('wrong output')").run()
    assert result.tail == ("wrong output",)


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ('command = ["python", "train.py"]', "./no-such-program raised OSError"),
        ('evaluate-command = ["python", "prepare.py"]', "evaluate-command raised OSError"),
    ],
)
def test_a_program_that_is_not_there(make_bound, key, named):
    missing = f'{key.split(" =")[0]} = ["./no-such-program"]'
    result = make_bound((key, missing)).run()
    assert (result.status, result.reason) == ("crash", "crash")
    assert result.message.startswith(named)
    assert "cannot be started: No such file or directory" in result.message
    assert "Traceback" not in "\n".join(result.tail)


def test_the_cpu_seconds_of_a_short_command_are_all_counted(make_bound):
    burns = "import time\nwhile time.process_time() < 0.5: pass\n"
    lab = make_bound(("budget    = 60", 'budget    = 60\nclock     = "cpu"'), train=OUT + burns)
    record = lab.run(OUT + burns + "time.sleep(0.5)").record
    assert 0.45 < record["window_seconds"] <= record["wall_seconds"] - 0.5
    assert record["cpu_seconds"] >= record["window_seconds"]


EXACT = """
[[iron-law]]
id    = "exact-budget"
rule  = "Training always runs for exactly the budget."
check = "budget-exact"
[[never-do]]
id    = "modify-evaluation"
rule  = "Never modify the evaluation."
check = "evaluation"
[[danger-zone]]
id     = "out"
rule   = "FORMAT is fixed."
check  = "frozen-symbol"
path   = "prepare.py"
symbol = "found"
"""


def test_rules_that_know_a_harness_hold_without_one(make_bound):
    lab = make_bound(("[[danger-zone]]", EXACT + "\n[[danger-zone]]"))
    assert (
        lab.run(OUT + "x = ', '.join('abc')\ny = ', '.join('abc')\n(lambda: x)()").status == "keep"
    )


def test_a_claim_that_is_not_the_measured_value_breaks_the_rule_about_it(make_bound):
    lab = make_bound(("[[danger-zone]]", EXACT + "\n[[danger-zone]]"))
    result = lab.run(OUT + "print('val_bpb: ' + str(0.1))")
    assert result.reason == "breach"
    assert "printed val_bpb 0.100000, but 2.500000 was measured" in result.message


def test_an_edit_of_the_evaluation_is_never_run(make_bound):
    lab = make_bound()
    lab.project.commit("cheat", {"prepare.py": "print('val_bpb: 0.1')"})
    assert lab.run().status == "closed"


def test_runs_under_another_evaluation_are_not_compared(make_bound):
    lab = make_bound()
    first = lab.run().record
    lab.bound(('id    = "prepare"', 'id    = "harness"'))
    again = lab.run(WRITES.format("2.4")).record
    assert (again["harness"], again["reason"]) == (first["harness"], "improved")
    lab.bound(helper_py="X = 1")
    assert lab.run(WRITES.format("2.3")).reason == "baseline"
    lab.bound(('["python", "prepare.py"]', '["python", "-B", "prepare.py"]'))
    assert lab.run(WRITES.format("2.2")).reason == "baseline"


BYTES = """\
import os, pathlib
print("bytes:", len(pathlib.Path(os.environ["OURO_CANDIDATE"], "train.py").read_bytes()))
"""


def test_an_evaluation_that_counts_bytes_finds_a_removed_comment(make_bound):
    named = ("evaluate-command", 'metric = "bytes"\nevaluate-command')
    lab = make_bound(named, train="x = 1  # words\n", evaluation=BYTES)
    assert lab.run().reason == "baseline"
    assert lab.run("x = 1  # longer words\n").reason == "unchanged"
    assert lab.run("x = 1\n").reason == "improved"


@pytest.mark.tier(2)
def test_code_recorded_by_another_version_of_python_is_recognised(make_bound, monkeypatch):
    lab = make_bound(train="x = 1  # words\ny = 2\n", evaluation='print("val_bpb: 2")')
    first = lab.run().record
    monkeypatch.setattr(code, "_FORM", 99)
    assert lab.run("x = 1\ny = 2\n").reason == "unchanged"
    monkeypatch.undo()
    kept = lab.run("x = 1\n").record
    assert (kept.reason, kept.best_commit) == ("simpler", first.commit)
    assert (first.code_sizes, kept.code_sizes) == ({"python": 7}, {"python": 4})


RANKS = """\
import pathlib, torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank() + 1.0])
dist.all_reduce(total)
if dist.get_rank() == 0:
    pathlib.Path("out.txt").write_text(str(total.item()))
dist.destroy_process_group()
"""


@pytest.mark.tier(3)
def test_a_command_may_start_a_process_for_each_card(make_bound):
    """As torchrun does; here the processes compute on the CPU."""
    pytest.importorskip("torch")
    words = ("python", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    command = "[" + ", ".join(f'"{word}"' for word in (*words, "train.py")) + "]"
    lab = make_bound(
        ('["python", "train.py"]', command),
        ("budget    = 60", "budget = 300"),
        train=RANKS,
    )
    result = lab.run()
    assert (result.status, result.val_bpb) == ("keep", 3.0), result.message
    assert result.record.cpu_seconds > 0
    lab.clean()


def test_the_blessing_must_be_committed_with_what_it_blesses(make_bound):
    lab = make_bound(
        ('check = "scope"', 'check = "human"\nreason = "a test"'), ("history = true", "")
    )
    lab.project.write({"prepare.py": "print('val_bpb: 7')"})
    done = lab.project.ouro("bless")
    assert done.returncode == 0
    lab.project.git("commit", "-qm", "the lock alone", "bound.lock")
    lab.project.git("commit", "-qam", "the evaluation after it")
    with pytest.raises(ExperimentError, match=r"prepare.py in commit .* is not the one that"):
        lab.run()


def test_a_trusted_commit_serves_as_well(make_bound, monkeypatch):
    lab = make_bound()
    monkeypatch.setenv("OURO_TRUST", lab.project.git("rev-parse", "HEAD"))
    assert lab.run().reason == "baseline"
    assert lab.run(WRITES.format("2.4")).reason == "improved"


def test_interrupted_while_it_evaluates(make_bound, wait_until_gone):
    evaluation = f"""\
import os, signal, time
print("evaluator", os.getpid(), flush=True)
os.kill({os.getpid()}, signal.SIGINT)
time.sleep(60)
"""
    lab = make_bound(evaluation=evaluation)
    result = lab.run()
    assert result.interrupted
    assert result.reason == "interrupted"
    assert wait_until_gone(int(log(lab).split()[1]))
    lab.clean()


@pytest.mark.tier(2)
def test_through_pytest(make_bound, last_line):
    lab = make_bound()
    done = lab.pytest()
    assert done.returncode == 0
    assert last_line(done).startswith("ouro: keep val_bpb=2.500000 level=supervised commit=")
    lab.commit("raise SystemExit('no luck')")
    done = lab.pytest()
    assert done.returncode == 1
    assert "run.log | no luck" in done.stdout
    assert os.linesep not in last_line(done)


@pytest.mark.tier(3, but=1)
@pytest.mark.parametrize(
    ("stated", "baseline", "better", "texts"),
    [
        ('metric = "code_bytes"', 1700, 1632, ("1632", "1700")),
        ('metric = "val_ppl"', 35.5, 35.0, ("35", "35.5")),
        ('metric = "reward"\ndirection = "higher"', -0.4, 0.0, ("0", "-0.4")),
        (
            'metric = "tokens/s"\ndirection = "higher"\ndecimals = 1',
            5120,
            5121,
            ("5121.0", "5120.0"),
        ),
        ('metric = "accuracy"\ndirection = "higher"\nplausible = [0, 100]', 92, 100, ("100", "92")),
        ('metric = "run_ms"\nunit = "ms"\ndecimals = 0', 8, 7.9, ("7.9", "8.0")),
        ('metric = "regret"', 0.0000013, 0.0000012, ("0.0000012", "0.0000013")),
    ],
)
def test_a_metric_of_any_kind_is_called_by_its_name_everywhere(
    make_bound, tmp_path, last_line, stated, baseline, better, texts
):
    metric = stated.split('"')[1]
    evaluation = EVALUATION.replace("val_bpb", metric).replace(f"{metric}: 99\\n", "")
    train = "import pathlib\npathlib.Path('out.txt').write_text('{}')"
    lab = make_bound(
        ('evaluate-command', f'{stated}\nevaluate-command'),
        ("noise = 0.01", "noise = 0.0"),
        train=train.format(baseline), evaluation=evaluation,
    )  # fmt: skip
    assert lab.run().reason == "baseline"
    commit = lab.commit(train.format(better))
    done = lab.pytest(f"--junitxml={tmp_path / 'junit.xml'}")
    value, best = texts
    assert last_line(done) == (
        f"ouro: keep {metric}={value} best={best} level=supervised commit={commit[:7]} "
        "reason=improved"
    )
    assert (
        f'<property name="{metric}" value="{float(better)}"' in (tmp_path / "junit.xml").read_text()
    )
    table = lab.project.ouro("log").stdout.splitlines()
    assert metric in table[0].split()
    rows = (lab.path / "results.tsv").read_text()
    assert rows.startswith(f"commit\t{metric}\tmemory_gb\tstatus\tdescription\n")
    assert lab.project.ouro("log", "--tsv").stdout == rows
    assert lab.project.ouro("gate").returncode == 0


def test_a_value_beyond_the_stated_range_is_a_breach(make_bound):
    lab = make_bound(("evaluate-command", "plausible = [3, 9]\nevaluate-command"))
    result = lab.run()
    assert (result.status, result.reason) == ("crash", "breach")
    assert result.message == "val_bpb is 2.5, which cannot be true: 'plausible' is from 3 to 9"


def test_the_fixture_has_the_value_under_any_name(make_bound):
    result = make_bound(
        ("evaluate-command", 'metric = "score"\nevaluate-command'),
        evaluation=EVALUATION.replace("val_bpb", "score"),
    ).run()
    assert result.value == 2.5
    with pytest.raises(AttributeError, match="the metric is score: its value is `value`"):
        _ = result.val_bpb
