"""run.log is written at once, and its size is limited."""

import os
from pathlib import Path

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.supervision import run_log
from pytest_ouro.experiment.supervision.run_log import RunLog

FULL = Path("/dev/full")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(run_log, "HEAD", 100)
    monkeypatch.setattr(run_log, "TAIL", 20)


def test_a_short_log_equals_the_output(tmp_path):
    with RunLog(tmp_path / "run.log") as log:
        for part in (b"one\r", b"two\n", b""):
            log.write(part)
        assert (tmp_path / "run.log").read_bytes() == b"one\rtwo\n", "written as it comes"
    assert (tmp_path / "run.log").read_bytes() == b"one\rtwo\n"
    assert log.end == b"one\rtwo\n"


def test_it_is_for_this_user_alone_also_if_it_was_not(tmp_path):
    path = tmp_path / "run.log"
    path.touch(0o644)
    path.chmod(0o644)
    with RunLog(path, append=True):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "run.log")
    with pytest.raises(ExperimentError, match=r"run\.log"):
        RunLog(tmp_path / "run.log")


@pytest.mark.parametrize("size", [101, 115, 120, 121, 500])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_head_and_tail_of_a_long_log_are_kept(tmp_path, size, step):
    data = bytes(48 + n % 10 for n in range(size))
    with RunLog(tmp_path / "run.log") as log:
        for at in range(0, size, step):
            log.write(data[at : at + step])
    kept = (tmp_path / "run.log").read_bytes()
    assert kept.startswith(data[:100])
    assert kept.endswith(data[-20:] if size > 120 else data[100:])
    assert (b"bytes left out" in kept) is (size > 120)
    assert log.end == data[-20:]


def test_an_old_log_is_replaced_and_a_link_is_not_followed(tmp_path):
    path = tmp_path / "run.log"
    path.write_text("old")
    with RunLog(path):
        assert path.read_bytes() == b""
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExperimentError, match=r"run\.log cannot be written"):
        RunLog(path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_ends_the_file_not_the_run():
    with RunLog(FULL) as log:
        log.write(b"lost")
    assert log.end == b"lost"
