"""Git's hooks, and its settings that name programs, are restored after a run."""

import pytest

from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.run_record import StartedRun
from pytest_ouro.experiment.records.integrity import Snapshot

#: Finds the repository from a run's clean worktree.
HERE = (
    "from pathlib import Path\n"
    "link = Path(__file__).with_name('.git').read_text().split(maxsplit=1)[1].strip()\n"
    "git = Path(link).parents[1]\n"
    "hook = git / 'hooks' / 'pre-commit'\n"
    "hook.parent.mkdir(exist_ok=True)\n"
)
OURS = "#!/bin/sh\nexit 1\n"


@pytest.fixture
def hook(lab):
    """The pre-commit hook of the lab's repository, which refuses every commit."""
    path = lab.path / ".git" / "hooks" / "pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(OURS)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("action", "found"),
    [
        ("hook.write_text('exit 0')", "exit 0"),
        ("hook.chmod(0o644)", OURS),
        ("hook.unlink()", None),
        ("hook.unlink()\nhook.symlink_to('/bin/true')", True),
        ("hook.unlink()\nhook.mkdir()", True),
    ],
)
def test_a_hook_that_was_changed_is_restored_and_the_run_is_a_breach(lab, hook, action, found):
    script = lab.script(before=HERE + action)
    hook.chmod(0o644)
    lab.commit(script)
    hook.chmod(0o755)
    seen = lab.run()

    assert (seen.status, seen.reason) == ("crash", "breach")
    assert seen.message.startswith("the hook pre-commit was changed while the run went on")
    assert (hook.read_text(), hook.stat().st_mode & 0o777) == (OURS, 0o755)
    kept = hook.with_name("pre-commit.found")
    if found is None:
        assert not kept.exists()
    else:
        assert kept.exists()
        assert found is True or kept.read_text() == found


def test_a_hook_that_is_new_is_moved_aside(lab):
    seen = lab.run(lab.script(before=HERE + "hook.write_text('exit 0')\n"))

    assert seen.reason == "breach"
    hooks = lab.path / ".git" / "hooks"
    assert not (hooks / "pre-commit").exists()
    assert (hooks / "pre-commit.found").read_text() == "exit 0"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("[core]\n\tfsmonitor = /tmp/x\n", "breach"),
        ("[alias]\n\tst = !true\n", "breach"),
        ('[filter "x"]\n\tclean = cat\n', "breach"),
        ("[include]\n\tpath = x\n", "breach"),
        ("[user]\n\tname = somebody\n", "baseline"),
        ("[gc]\n\tauto = 0\n", "baseline"),
    ],
)
def test_only_settings_that_run_programs_are_a_breach(lab, lines, reason):
    config = lab.path / ".git" / "config"
    before = config.read_text()
    action = f"file = git / 'config'\nfile.write_text(file.read_text() + {lines!r})\n"
    seen = lab.run(lab.script(before=HERE + action))

    assert seen.reason == reason
    if reason == "breach":
        assert "a setting of git's that runs programs was changed" in seen.message
        assert config.read_text() == before
        assert config.with_name("config.found").read_text() == before + lines
    else:
        assert config.read_text() == before + lines


def test_changes_during_a_sandboxed_run_are_left_alone(lab):
    case = open_case(lab.path / "bound.toml")
    assert case.experiment is not None
    before = Snapshot.take(case, case.experiment, StartedRun(time="", run="abc", commit=""))
    hook = lab.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(OURS)

    assert before.restore("sandboxed") == []
    assert hook.read_text() == OURS
    assert before.restore("judged") != []
