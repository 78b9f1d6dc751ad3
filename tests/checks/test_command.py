"""``command``: any program of the bound's author, run in the experiment's folder."""

import json
import sys

import pytest

from pytest_ouro.core.errors import BoundError, OuroError
from pytest_ouro.engine import open_case

RULE = "iron-law::simplicity"


@pytest.fixture
def command(laws, restate):
    """State a rule that runs Python code: ``command("exit(1)", timeout=1)``."""

    def command(code, program=sys.executable, **keys):
        words = [program, "-c", code] if code else [program]
        lines = [
            f"{key} = {json.dumps(value)}" for key, value in {"command": words, **keys}.items()
        ]
        restate('check = "simplicity"', "\n".join(['check = "command"', *lines]))

    return command


def test_an_exit_with_0_holds(command, judged):
    command("print('fine')")

    assert judged(RULE).status == "holds"


def test_another_exit_is_reported_with_its_last_words(command, judged):
    command("import sys; print('many words', flush=True); sys.exit('the last word')")

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline.endswith("the last word')` exited with 1")
    assert finding.where == "it said: the last word"
    assert finding.expected == "exit status 0"
    assert finding.help.startswith(f"run it: {sys.executable} -c ")


def test_a_silent_failure_and_noise_are_reported(command, judged):
    command("import os; os.write(1, b'\\xff' * 9000); os._exit(3)")

    [finding] = judged(RULE).findings

    assert "exited with 3" in finding.headline
    assert len(finding.where) < 200


def test_a_command_that_does_not_end_is_ended(command, judged):
    command("import time; time.sleep(60)", timeout=0.3)

    [finding] = judged(RULE).findings

    assert finding.headline.endswith("did not end in 0.3 s")


def test_it_runs_in_the_experiment_s_folder_without_our_variables(command, judged, monkeypatch):
    command("import os; exit(not os.path.exists('train.py') or 'GIT_DIR' in os.environ "
            "or 'PYTEST_ADDOPTS' in os.environ or os.read(0, 1) != b'')")  # fmt: skip
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    assert judged(RULE).status == "holds"


def test_the_words_are_not_read_by_a_shell(command, judged):
    command("import sys; exit(sys.argv[1:] != [])")

    assert judged(RULE).status == "holds"


def test_a_missing_program_is_an_error_and_not_a_broken_rule(command, judged):
    command("", program="no-such-program")

    with pytest.raises(OuroError, match="`no-such-program` cannot be started") as caught:
        judged(RULE)
    assert caught.value.help.startswith("install the program; or a person fixes 'command'")


@pytest.mark.parametrize("subject", ["index", "commit"])
def test_it_is_only_judged_on_a_working_tree(command, judged, subject):
    command("print('fine')")

    judgement = judged(RULE, subject=subject)

    assert judgement.status == "skipped"
    assert judgement.reason.endswith(f"cannot be judged on the {subject} alone")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("command = []", "with at least 1 item"),
        ('command = "mypy"', "must be a list of text"),
        ("timeout = 1.0", "lacks the key 'command'"),
        ('command = ["x"]\nshell = true', "unknown key 'shell'"),
    ],
)
def test_an_invalid_command_is_a_fault_of_the_bound(laws, line, fault):
    laws.edit("bound.toml", 'check = "simplicity"', f'check = "command"\n{line}')
    trust = laws.commit("a slip of the pen")

    with pytest.raises(BoundError, match=fault):
        open_case(laws.path / "bound.toml", trust=trust)
