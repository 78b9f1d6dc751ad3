"""The one card of a run, asked of a management library that is built here."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.devices import nvml

#: Two cards, of nodes 1 and 0, and a part of the first.
LIBRARY = r"""
#include <stdio.h>
#include <string.h>
static const char *names[] = {"GPU-aaaa-1", "GPU-bbbb-2", "MIG-cccc-3"};
static int held[] = {0, 1, 2};
int nvmlInit_v2(void) { return ALIVE; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, int **card) {
    if (i > 1) return 2;
    *card = &held[i];
    return 0;
}
int nvmlDeviceGetHandleByUUID(const char *name, int **card) {
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) { *card = &held[i]; return 0; }
    return 2;
}
int nvmlDeviceGetUUID(int *card, char *name, unsigned n) {
    snprintf(name, n, "%s", names[*card]);
    return 0;
}
int nvmlDeviceGetMinorNumber(int *card, unsigned *n) { *n = 1 - *card; return 0; }
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(int *part, int **card) {
    *card = &held[0];
    return 0;
}
int nvmlDeviceGetGpuInstanceId(int *part, unsigned *n) { *n = 7; return 0; }
int nvmlDeviceGetComputeInstanceId(int *part, unsigned *n) { *n = 0; return 0; }
"""


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """The library, whose driver answers with a status."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("nvml")
    (folder / "nvml.c").write_text(LIBRARY)

    def build(status):
        made = folder / f"libnvml{status}.so"
        command = ["cc", "-shared", "-fPIC", f"-DALIVE={status}", "-o", made, folder / "nvml.c"]
        subprocess.run(command, check=True)
        return str(made)

    return build


@pytest.fixture
def nodes(tmp_path, monkeypatch):
    """Device nodes of this machine are none of the test's."""
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
def test_one_card_and_its_nodes(build, nodes, asked, name, own):
    found = nvml.card(asked, library=build(0))

    assert found.name == name
    assert found.nodes == tuple(str(nodes / n) for n in ("nvidiactl", "nvidia-uvm", *own))


@pytest.mark.parametrize("asked", ["2", "GPU-x", "MIG-x", "", "-1"])
def test_a_card_that_there_is_not(build, nodes, asked):
    with pytest.raises(ExperimentError, match="there is no such card"):
        nvml.card({"CUDA_VISIBLE_DEVICES": asked}, library=build(0))


def test_without_a_driver_there_are_the_nodes_of_other_makers(build, nodes):
    assert nvml.card({}, library=build(9)) == nvml.Card("", ())
    (nodes / "kfd").touch()
    assert nvml.card({}, library="libno-such.so") == nvml.Card("", (str(nodes / "kfd"),))
