"""The access to the one card of a run, with a stand-in for the management library."""

from __future__ import annotations

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.devices import nvml

from .nvml_stand_in import build, install

#: Two cards, of nodes 1 and 0, and a part of the first.
CARDS = "GPU-aaaa-1, NVIDIA H200\nGPU-bbbb-2, NVIDIA H200\nMIG-cccc-3, a part\n"


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def driver(library, tmp_path, monkeypatch):
    return install(monkeypatch, library, tmp_path, CARDS)


@pytest.fixture
def nodes(tmp_path, monkeypatch):
    """Hide the device nodes of this machine."""
    for name in ("nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1", "nvidia-caps/nvidia-cap66"):
        (tmp_path / "dev" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "dev" / name).touch()
    access = tmp_path / "capabilities/gpu1/mig/gi7/access"
    access.parent.mkdir(parents=True)
    access.write_text("DeviceFileMinor: 66\nDeviceFileMode: 444\n")
    monkeypatch.setattr(nvml, "_CAPABILITIES", tmp_path / "capabilities")
    monkeypatch.setattr(nvml, "_DEV", tmp_path / "dev")
    return tmp_path / "dev"


@pytest.mark.parametrize(
    ("asked", "name", "own"),
    [
        ({}, "GPU-aaaa-1", ["nvidia1"]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, "GPU-bbbb-2", ["nvidia0"]),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, "GPU-bbbb-2", ["nvidia0"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-bbbb-2"}, "GPU-bbbb-2", ["nvidia0"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-b"}, "GPU-bbbb-2", ["nvidia0"]),
        (
            {"CUDA_VISIBLE_DEVICES": "MIG-cccc-3"},
            "MIG-cccc-3",
            ["nvidia1", "nvidia-caps/nvidia-cap66"],
        ),
    ],
)
def test_one_card_and_its_nodes(driver, nodes, asked, name, own):
    found = nvml.access(asked)

    assert found.visible == name
    assert found.nodes == tuple(str(nodes / n) for n in ("nvidiactl", "nvidia-uvm", *own))


@pytest.mark.parametrize("asked", ["2", "GPU-x", "MIG-x", "", "-1"])
def test_a_card_that_there_is_not(driver, nodes, asked):
    with pytest.raises(ExperimentError, match="there is no such card"):
        nvml.access({"CUDA_VISIBLE_DEVICES": asked})


def test_without_a_driver_there_are_the_nodes_of_other_makers(driver, nodes, monkeypatch):
    (driver / "cards").unlink()  # the driver does not answer
    assert nvml.access({}) == nvml.Access("", ())
    (nodes / "kfd").touch()
    monkeypatch.setattr(nvml, "LIBRARY", "libno-such.so")
    assert nvml.access({}) == nvml.Access("", (str(nodes / "kfd"),))
