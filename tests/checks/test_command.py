"""``command``: any program of the bound's author, run in the experiment's folder."""

import dataclasses
import json
import sys

import pytest

from pytest_ouro.cli.bless import bless
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


def test_a_secret_of_the_environment_is_not_passed_on(command, judged, monkeypatch):
    command("import os; print(sorted(os.environ)); exit(os.environ.get('SERVICE_API_KEY', 0))")
    monkeypatch.setenv("SERVICE_API_KEY", "sk-very-secret")

    assert judged(RULE).status == "holds"


def test_a_clone_s_own_lock_allows_no_command(command, laws, tmp_path):
    command("open('ran', 'w')")
    laws.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = dataclasses.replace(laws, path=tmp_path / "clone")

    done = clone.ouro("gate")

    assert done.returncode == 2
    assert "was not started: the rules name it, and you have not blessed them" in done.stderr
    assert done.stderr.count("help:") == 1
    clone.git("config", "ouro.trust", "HEAD")  # an archive may bring this setting along
    assert clone.ouro("gate").returncode == 2
    assert not (clone.path / "ran").exists()


@pytest.mark.parametrize("way", ["option", "trust", "variable", "bless", "bless and config"])
def test_a_user_can_allow_commands(command, laws, tmp_path, way):
    command("open('run.log', 'w')")
    laws.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone, args, env = dataclasses.replace(laws, path=tmp_path / "clone"), [], {}
    if way == "option":
        args = ["--run-commands"]
    elif way == "trust":
        args = ["--trust", "HEAD"]
    elif way == "variable":
        env = {"OURO_TRUST": "HEAD"}
    else:
        bless(clone.path / "bound.toml")
        clone.identify()
        clone.commit("bless it here")
    if way == "bless and config":
        clone.git("config", "ouro.trust", "HEAD")

    clone.ouro("gate", *args, **env)

    assert (clone.path / "run.log").exists()


def test_another_lock_than_the_blessed_one_allows_no_command(command, laws, judged):
    command("pass")
    lock = (laws.path / "bound.lock").read_text()
    (laws.path / "bound.lock").write_text(lock.replace("blessed = ", 'blessed = "x" # '))
    with pytest.raises(OuroError, match="was not started"):
        judged(RULE)


def test_rules_that_their_lock_does_not_hold_allow_no_command(command, laws, judged):
    command("pass")
    laws.edit("bound.toml", '"pass"', '"exit(1)"')
    laws.git("config", "ouro.trust", laws.commit("other rules beside the blessed lock"))
    with pytest.raises(OuroError, match="was not started"):
        judged(RULE)


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
