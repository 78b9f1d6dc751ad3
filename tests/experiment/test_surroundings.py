"""The cards of a run and other programs on them, with a stand-in for the driver's library."""

import os

import pytest

from pytest_ouro.experiment.devices import device, nvml

from .nvml_stand_in import build, install

CARDS = "GPU-aaaa-1, NVIDIA H200\nGPU-bbbb-2, NVIDIA H200\nGPU-cccc-3, Tesla T4\n"
MB = 1 << 20


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def driver(library, tmp_path, monkeypatch):
    """Install a driver that lists cards and processes."""
    folder = tmp_path / "nvml"
    folder.mkdir()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def driver(processes="", *, cards=CARDS):
        return install(monkeypatch, library, folder, cards, processes)

    return driver


@pytest.mark.parametrize(
    ("visible", "uuids", "locks"),
    [
        (None, ["GPU-aaaa-1"], ["cuda-0"]),
        ("1", ["GPU-bbbb-2"], ["cuda-1"]),
        ("2, 0", ["GPU-cccc-3", "GPU-aaaa-1"], ["cuda-0", "cuda-2"]),
        ("GPU-bbbb-2", ["GPU-bbbb-2"], ["cuda-1"]),
        ("GPU-bb", ["GPU-bbbb-2"], ["cuda-1"]),
        ("7", [], ["cuda-7"]),
        ("MIG-1/2", [], ["cuda-MIG-1_2"]),
    ],
)
def test_the_visible_cards_are_meant(driver, monkeypatch, visible, uuids, locks):
    driver()
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [card.uuid for card in device.selected()] == uuids
    assert device.lock_names("cuda") == locks


def test_the_processor_asks_no_driver(monkeypatch):
    monkeypatch.setattr(nvml, "LIBRARY", None)  # which would be an error of its own
    assert device.lock_names("cpu") == ["cpu"]
    assert device.surroundings("cpu", print) == (device.cpu_name(), None)


def test_strangers_are_warned_about(driver):
    driver(
        f"GPU-aaaa-1, 4711, {1234 * MB}, /usr/bin/python\n"
        f"GPU-aaaa-1, 4712, {(1 << 64) - 1}, an odd, name\x1b[31m\n"
        f"GPU-bbbb-2, 4713, {99 * MB}, elsewhere\n"
        f"GPU-aaaa-1, {os.getpid()}, {5 * MB}, ourselves\n"
    )
    said = []
    found = device.surroundings("cuda", said.append)
    assert found.device_name == "NVIDIA H200"
    assert found.foreign == (
        {"pid": 4711, "name": "/usr/bin/python", "memory_mb": 1234},
        {"pid": 4712, "name": "an odd, name", "memory_mb": 0},
    )
    assert said[0] == (
        "ouro: warning: process 4711 (/usr/bin/python, 1234 MB) computes on the same card: the run "
        "may be slower or lack memory"
    )
    assert len(said) == 2


def test_a_quiet_card_needs_no_words(driver):
    driver()
    said = []
    assert device.surroundings("cuda", said.append).foreign == ()
    assert said == []


@pytest.mark.parametrize("kind", ["no library", "no answer", "no cards", "no library at all"])
def test_without_an_answer_nothing_fails(driver, monkeypatch, tmp_path, kind):
    if kind == "no library":
        monkeypatch.setattr(nvml, "LIBRARY", "libno-such.so")
    elif kind == "no answer":
        (driver() / "cards").unlink()
    elif kind == "no cards":
        driver(cards="")
    else:
        (tmp_path / "libtext.so").write_text("not a library")
        monkeypatch.setattr(nvml, "LIBRARY", str(tmp_path / "libtext.so"))
    said = []
    found = device.surroundings("cuda", said.append)
    assert found == (f"unknown card beside {device.cpu_name()}", ())
    assert (said, device.lock_names("cuda")) == ([], ["cuda-0"])


def test_a_driver_too_old_to_list_processes_lists_cards(driver, monkeypatch, tmp_path):
    driver(f"GPU-aaaa-1, 4711, {MB}, python\n")
    monkeypatch.setattr(nvml, "LIBRARY", str(build(tmp_path, "-DOLD")))
    assert device.surroundings("cuda", print) == ("NVIDIA H200", ())


def test_a_process_without_a_name_is_reported_too(driver):
    folder = driver(f"GPU-aaaa-1, 4711, {MB}, \x1b\n")
    assert (folder / "processes").exists()
    [found] = device.surroundings("cuda", lambda text: None).foreign
    assert found == {"pid": 4711, "name": "?", "memory_mb": 1}


@pytest.fixture
def card(lab, driver, monkeypatch):
    """The toy project on a machine that seems to have a card."""
    monkeypatch.setattr(device, "cuda_present", lambda: True)
    lab.bound(('device    = "cpu"', 'device    = "cuda"'))
    driver(f"GPU-aaaa-1, 4711, {1234 * MB}, python\n")
    return lab


def test_the_record_names_the_card_and_the_strangers(card):
    said = []
    card.run(card.script(), say=said.append)
    assert [line[:35] for line in said] == ["ouro: warning: process 4711 (python"]
    for record in card.journal.records():
        assert record["device_name"] == "NVIDIA H200"
        assert record["foreign"] == [{"pid": 4711, "name": "python", "memory_mb": 1234}]


def test_a_crash_before_torch_is_there_names_the_card(card):
    result = card.run(card.script(before="1 / 0"))
    assert result.status == "crash"
    assert result.record["device_name"] == "NVIDIA H200"


def test_a_command_is_compared_by_card(card, driver, monkeypatch):
    card.bound(
        (
            'script    = "train.py"\n',
            'command = ["python", "train.py"]\nevaluate-command = ["python", "score.py"]\n',
        ),
        ('harness   = "prepare.py"\nevaluate  = "evaluate_bpb"\n', ""),
        ("budget    = 0.3", "budget    = 9"),
        score_py="print('val_bpb: 2.0')\n",
    )
    assert card.run("pass\n").record["device_name"] == "NVIDIA H200"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    result = card.run("x = 1\n")
    assert result.reason == "baseline"
    assert (
        "ouro: a new baseline: no earlier run can be compared, they differ in "
        "device (NVIDIA H200 → Tesla T4)"
    ) in result.notes
