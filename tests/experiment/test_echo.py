"""The output of the script that makes the data, as it is reported."""

from pytest_ouro.experiment.steps.jobs import _Echo


def test_of_a_progress_bar_only_its_end_is_reported(tmp_path):
    log, said = tmp_path / "prepare.log", []
    redraws = "".join(f"\rshard {n:3d} %" for n in range(101))
    log.write_bytes(f"begin\n{redraws}\r\nhalf".encode())

    _Echo(log, "prepare.py", said.append)()

    assert said == ["ouro: prepare.py: begin", "ouro: prepare.py: shard 100 %"]
