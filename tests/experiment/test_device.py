"""The device of a run: found without torch, and refused in one line."""

import subprocess
import sys

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.devices import device, nvml


@pytest.mark.parametrize(
    ("wanted", "card", "chosen"),
    [
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
    ],
)
def test_choose(monkeypatch, wanted, card, chosen):
    monkeypatch.setattr(device, "cuda_present", lambda: card)
    assert device.choose(wanted) == chosen


def test_cuda_that_is_not_there_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(device, "cuda_present", lambda: False)
    with pytest.raises(ExperimentError, match="no CUDA device here") as refused:
        device.choose("cuda")
    assert refused.value.help.endswith("pytest --ouro-experiment --ouro-device cpu")


@pytest.mark.parametrize("hidden", ["", " ", "-1", "none", "NoDevFiles"])
def test_a_hidden_card_is_not_used(monkeypatch, hidden):
    monkeypatch.setattr(nvml, "cards", lambda: [CARD] * 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert not device.cuda_present()


@pytest.mark.parametrize("visible", [None, "0", "2,3", "GPU-8f2c"])
def test_a_visible_card_is_one(monkeypatch, visible):
    monkeypatch.setattr(nvml, "cards", lambda: [CARD])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device.cuda_present()


def test_no_driver_counts_no_card(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(nvml.ctypes, "CDLL", missing)
    assert nvml.cards() == []


CARD = nvml.Card(0, "GPU-8f2c", "NVIDIA H200")


class Nvml:
    """A stand-in for the driver's library."""

    def __init__(self, *, init=0, count=0, cards=2, lost=0):
        self.answers = init, count, cards
        self.lost = lost
        self.calls = []

    def nvmlInit_v2(self):
        self.calls.append("init")
        return self.answers[0]

    def nvmlDeviceGetCount_v2(self, reference):
        reference._obj.value = self.answers[2]
        return self.answers[1]

    def nvmlDeviceGetHandleByIndex_v2(self, index, reference):
        return 0

    def nvmlDeviceGetUUID(self, handle, text, size):
        text.value = b"GPU-8f2c"
        return self.lost

    def nvmlDeviceGetName(self, handle, text, size):
        return 9

    def nvmlShutdown(self):
        self.calls.append("shutdown")


@pytest.mark.parametrize(
    ("library", "count", "calls"),
    [
        (Nvml(), 2, ["init", "shutdown"]),
        (Nvml(init=9), 0, ["init"]),
        (Nvml(count=1), 0, ["init", "shutdown"]),
        (Nvml(lost=15), 0, ["init", "shutdown"]),
    ],
)
def test_the_driver_is_asked_and_left(monkeypatch, library, count, calls):
    monkeypatch.setattr(nvml.ctypes, "CDLL", lambda name: library)
    assert len(nvml.cards()) == count
    assert library.calls == calls


def test_the_processor_has_a_name():
    assert device.cpu_name().strip()


def test_no_torch_is_imported_to_tell():
    code = (
        "import sys\nfrom pytest_ouro.experiment import run\n"
        "from pytest_ouro.experiment.devices import device\n"
        "device.choose('auto'), device.cpu_name()\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
