"""What the environment of a program that is started for an experiment or a rule allows it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pytest_ouro.core.child_environment import child_environment


def test_settings_of_the_user_are_neither_read_nor_written(tmp_path):
    """A rename over /dev/null, which git makes to write settings to it, would replace the device
    for all programs of the machine, where root asks."""
    env = {**child_environment(), "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Somebody\n")
    assert not Path(env["GIT_CONFIG_GLOBAL"]).parent.is_dir()

    def git(*args):
        return subprocess.run(["git", *args], cwd=tmp_path, env=env, capture_output=True, text=True)

    assert git("init", "-q").returncode == 0
    assert (git("config", "user.name").stdout, git("status").stderr) == ("", "")
    assert "could not lock config file" in git("config", "--global", "a.b", "c").stderr
    assert Path("/dev/null").is_char_device()
    assert (tmp_path / ".gitconfig").read_text() == "[user]\n\tname = Somebody\n"
