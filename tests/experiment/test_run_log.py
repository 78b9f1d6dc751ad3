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


class Disk:
    """A file on a disk that is full for a while: it takes 5 more bytes, then fails once."""

    def __init__(self, file):
        self.file = file
        self.room = 5

    def write(self, data):
        if self.room is None:
            return self.file.write(data)
        if not self.room:
            self.room = None
            raise OSError(28, "No space left on device")
        written, self.room = self.file.write(data[: self.room]), 0
        return written

    def close(self):
        self.file.close()


@pytest.mark.parametrize("later", [0, 30])
def test_what_a_full_disk_did_not_take_is_counted(tmp_path, later):
    data = bytes(48 + n % 10 for n in range(20 + later))
    with RunLog(tmp_path / "run.log") as log:
        log._file = Disk(log._file)
        for at in range(0, len(data), 10):
            log.write(data[at : at + 10])
    kept = (tmp_path / "run.log").read_bytes()
    assert kept.startswith(data[:5])
    assert kept.endswith(data[-15:])
    left = len(data) - 5 - 20
    assert (f"... {left} bytes left out ...".encode() in kept) is (left > 0)
