"""A worker: what it refuses, each with one clear line, and what it leaves behind."""

import contextlib
import io
import os

import pytest

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records import record_format
from pytest_ouro.experiment.assurance import sandbox_spec
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.worker import Worker
from pytest_ouro.experiment.engines.workplace import hold_workplace
from pytest_ouro.experiment.steps import preconditions

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)


class Answering(Worker):
    """A worker whose start of a run is answered at once."""

    def __init__(self, answer=None):
        self.to = io.BytesIO()
        super().__init__(io.BytesIO(), self.to)
        self._arrived.put(answer or events.Answer(attempt="a"))

    def events(self):
        return [events.read(line) for line in self.to.getvalue().splitlines()]


def carry_out(request, answer=None):
    worker = Answering(answer)
    with hold_workplace() as folder:
        worker._carry_out(request, folder)
    return worker.events()


def test_a_commit_is_measured_in_a_repository_of_its_own(field, request_for):
    commit = field.idea(4.0)

    began, *_, ended = [one for one in carry_out(request_for(commit)) if one.kind != "said"]

    start, run = map(record_format.read, (began.record, ended.record))
    assert (start.commit, run.commit, run.measured_value) == (commit, commit, 4.0)
    assert (run.trust, run.plan) == (start.trust, "0123456789ab")
    assert not field.journal.path.exists()
    assert not (field.path / "results.tsv").exists()
    assert field.project.git("status", "--porcelain") == ""


def test_nothing_stays_in_the_cache(field, request_for, tmp_path):
    carry_out(request_for(field.idea(4.0)))

    cache = preconditions.cache_folder()
    left = [path.name for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == [".gitignore"]


def test_a_sandbox_hides_the_repository_that_the_candidate_comes_from(
    field, request_for, monkeypatch
):
    """It may be on the import path of the project's environment, as an editable install."""
    specs = []

    def confine(*args):
        job = sandbox_spec_confine(*args)
        specs.append(job.message["sandbox"])
        return job

    sandbox_spec_confine = sandbox_spec.confine
    monkeypatch.setattr(sandbox_spec, "confine", confine)

    carry_out(request_for(field.idea(4.0)))

    if not specs:
        pytest.skip("this machine has no sandbox")
    assert str(field.path.resolve()) in specs[0]["hidden"]


def refused(found):
    assert [one.kind for one in found if one.kind not in ("said", "began")] == ["refused"]
    return found[-1]


def test_another_version_is_refused(field, request_for):
    request = replace(request_for(field.idea(4.0)), version="0.0.9")

    found = refused(carry_out(request))

    assert "the worker has pytest-ouro 0.1.0, and this process 0.0.9" in found.text
    assert found.help == "install the same version on both"


def test_a_history_that_is_gone_is_refused(field, request_for, tmp_path):
    request = request_for(field.idea(4.0))
    (tmp_path / "base.bundle").unlink()

    text = refused(carry_out(request)).text
    assert (
        text == "the bundle of the history did not arrive as it was sent: No such file or directory"
    )


def test_a_damaged_history_is_refused(field, request_for, tmp_path):
    request = request_for(field.idea(4.0))
    with (tmp_path / "base.bundle").open("r+b") as file:
        file.seek(-5, 2)
        file.write(b"\0\0\0")

    text = refused(carry_out(request)).text
    assert text.startswith(f"the bundle of {field.head[:7]} did not arrive as it was sent: ")
    assert f" in place of {request.base_digest[:12]}, with " in text


def test_a_full_disk_is_refused(field, request_for, monkeypatch):
    request = request_for(field.idea(4.0))
    worker = Answering()
    with hold_workplace() as folder:
        monkeypatch.setattr(preconditions, "ROOM", 1 << 40)
        worker._carry_out(request, folder)

    assert "is full: " in refused(worker.events()).text


def test_missing_data_is_refused(field, request_for):
    field.project.edit("bound.toml", "metric ", 'data = ["~/data/*.bin"]\nmetric ')
    field.project.bless()
    request = request_for(field.idea(4.0))

    found = refused(carry_out(request))

    assert "~/data/*.bin" in found.text
    assert found.help


def test_a_broken_rule_is_refused(field, request_for):
    commit = field.project.commit("bad", {"evaluate.py": "print('score: 0')\n"})
    field.project.git("reset", "-q", "--hard", "HEAD~1")

    found = refused(carry_out(request_for(commit)))

    assert found.text.startswith("on the worker, the gate is closed by danger-zone::evaluation, ")


def test_a_refused_start_starts_no_process(field, request_for):
    request = request_for(field.idea(4.0, "open('/tmp/never', 'w')"))
    answer = events.Answer(attempt="a", refusal="other data", help="copy them")

    found = refused(carry_out(request, answer))

    assert (found.text, found.help) == ("other data", "copy them")


def test_a_fault_of_ours_is_one_line(field, request_for, monkeypatch):
    request = request_for(field.idea(4.0))
    monkeypatch.setattr("pytest_ouro.experiment.engines.worker.measure_commit", lambda: None)

    assert refused(carry_out(request)).text.startswith("the worker failed: TypeError: ")


def test_a_run_does_not_wait_for_a_reader_that_is_behind():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += os.write(writer, bytes(4096))
    os.set_blocking(writer, True)

    with os.fdopen(reader, "rb") as read:
        with os.fdopen(writer, "wb") as to:
            Worker(io.BytesIO(), to)._offer(events.Beat())
        assert len(read.read()) == filled


def test_what_is_not_a_message_is_the_end_of_the_requests():
    worker = Worker(io.BytesIO(b"nonsense\n" + events.Beat().line()), io.BytesIO())

    worker._read()

    assert worker._arrived.get_nowait() is None


def test_two_workers_have_different_workplaces():
    with hold_workplace() as one, hold_workplace() as other:
        assert one != other
        (one / "left").write_text("")
    with hold_workplace() as again:
        assert list(again.iterdir()) == []
