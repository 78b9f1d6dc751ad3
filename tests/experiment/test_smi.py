"""Which cards a run sees and who else computes there, by a stand-in for nvidia-smi."""

import os

import pytest

from pytest_ouro.experiment.devices import device, nvidia_smi

CARDS = "0, GPU-aaaa-1, NVIDIA H200\n1, GPU-bbbb-2, NVIDIA H200\n2, GPU-cccc-3, Tesla T4\n"
SMI = """\
#!/bin/sh
echo "$@" >> {log}
case "$1" in
--query-gpu=*) cat {folder}/cards ;;
--query-compute-apps=*) cat {folder}/apps ;;
esac
exit {code}
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put an nvidia-smi on PATH that says what it is told to."""
    folder = tmp_path / "smi"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def driver(apps="", *, listed=CARDS, code=0):
        (folder / "cards").write_text(listed)
        (folder / "apps").write_text(apps)
        program = folder / "nvidia-smi"
        program.write_text(SMI.format(folder=folder, log=folder / "log", code=code))
        program.chmod(0o755)
        return folder / "log"

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
    assert [card.uuid for card in nvidia_smi.selected()] == uuids
    assert nvidia_smi.lock_names("cuda") == locks


def test_the_processor_asks_no_driver(driver):
    log = driver()
    assert nvidia_smi.lock_names("cpu") == ["cpu"]
    assert nvidia_smi.surroundings("cpu", print) == (device.cpu_name(), None)
    assert not log.exists()


def test_strangers_are_warned_about(driver):
    driver(
        "GPU-aaaa-1, 4711, 1234, /usr/bin/python\n"
        "GPU-aaaa-1, 4712, [N/A], an odd, name\x1b[31m\n"
        "GPU-bbbb-2, 4713, 99, elsewhere\n"
        f"GPU-aaaa-1, {os.getpid()}, 5, ourselves\n"
    )
    said = []
    found = nvidia_smi.surroundings("cuda", said.append)
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
    assert nvidia_smi.surroundings("cuda", said.append).foreign == ()
    assert said == []


@pytest.mark.parametrize("kind", ["missing", "fails", "garbage", "hangs", "no program"])
def test_without_an_answer_nothing_fails(driver, monkeypatch, tmp_path, kind):
    if kind == "missing":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif kind == "fails":
        driver(code=9)
    elif kind == "garbage":
        driver("No devices\n\n,,\x00\xff\n", listed="Unable to determine the device handle\n")
    else:
        monkeypatch.setattr(nvidia_smi, "PATIENCE", 0.3)
        program = driver().with_name("nvidia-smi")
        program.write_text("#!/bin/sh\nexec sleep 60\n" if kind == "hangs" else "not a program")
    said = []
    found = nvidia_smi.surroundings("cuda", said.append)
    assert found == (f"unknown card beside {device.cpu_name()}", ())
    assert (said, nvidia_smi.lock_names("cuda")) == ([], ["cuda-0"])


@pytest.fixture
def card(lab, driver, monkeypatch):
    """The toy project on a machine that seems to have a card."""
    monkeypatch.setattr(device, "cuda_present", lambda: True)
    lab.bound(('device    = "cpu"', 'device    = "cuda"'))
    driver("GPU-aaaa-1, 4711, 1234, python\n")
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
        "ouro: a new baseline: no run before can be compared, they differ in "
        "device (NVIDIA H200 → Tesla T4)"
    ) in result.notes
