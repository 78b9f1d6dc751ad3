"""The sandbox of a run, seen from outside: what it may reach, and whether this machine has one."""

from __future__ import annotations

import contextlib
import glob
import json
import socket
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.schema import values_of
from pytest_ouro.evidence import data
from pytest_ouro.evidence.paths import DataGlob
from pytest_ouro.experiment.devices import nvml
from pytest_ouro.experiment.terms.job import CHILD
from pytest_ouro.experiment.terms.names import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.terms.job import Job

_SECONDS = 30.0


@dataclass(frozen=True)
class Availability:
    """Whether there is a sandbox here; ``why`` not."""

    ok: bool
    why: str = ""


def available(
    python: tuple[str, ...],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    newest: int = 7,
) -> Availability:
    """Try the sandbox in a process of this interpreter that is thrown away.

    All that must fail is tried, and all that must not. Landlock is used up to version ``newest``.
    """
    try:
        with (
            tempfile.TemporaryDirectory(prefix="ouro-") as made,
            socket.socket(socket.AF_UNIX) as called,
        ):
            ground = Path(made).resolve()
            _lay_out(ground)
            called.bind(str(ground / "socket"))
            called.listen(1)
            wrong = _probe(python, {"folder": str(ground), "newest": newest}, folder, environment)
    except (OSError, subprocess.SubprocessError) as error:
        wrong = [str(error)]
    return Availability(not wrong, "; ".join(wrong[:3]))


def _lay_out(ground: Path) -> None:
    """Files as they lie around a run."""
    for name in ("readable", "scratch"):
        (ground / name).mkdir()
    for name in ("readable/data", "readable/hidden", "beside"):
        (ground / name).write_text("data\n")


def _probe(
    python: tuple[str, ...],
    message: Mapping[str, object],
    folder: Path | None,
    environment: Mapping[str, str] | None,
) -> list[str]:
    """What was other than it must be; a process that does not answer is that too."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [*python, "-B", str(CHILD), "probe", str(theirs.fileno())],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        answer = b""
        try:
            with contextlib.suppress(ConnectionError):  # it has ended: the status says how
                ours.sendall(json.dumps(message).encode() + b"\n")
            _, said = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return [f"the self-test of the sandbox did not end within {_SECONDS:g} s"]
        with contextlib.suppress(ConnectionError):
            answer = ours.recv(1 << 16)
    lines = said.decode(errors="replace").strip().splitlines()
    if process.returncode or not answer:
        last = lines[-1] if lines else f"exit status {process.returncode}"
        return [f"the self-test of the sandbox failed: {last}"]
    wrong: list[str] = json.loads(answer)
    return wrong


def unhidden(case: Case, experiment: Experiment) -> str:
    """Why no sandbox could keep the validation data from a script; "" where one can."""
    if not experiment.validation:
        return "the bound names no 'validation' files that could be hidden"
    patterns = [p for p in experiment.validation if not p.startswith(PACKAGE)]
    lacking = data.missing(tuple(patterns), case.evidence.root)
    return f"validation files missing: {lacking[0]}" if lacking else ""


def confine(case: Case, experiment: Experiment, job: Job, *, tree: Path, cuda: bool) -> Job:
    """The same job in a sandbox. ``tree`` is the checkout that it runs in, which stays readable."""
    card = nvml.access() if cuda else nvml.Access("", ())
    read = [tree, *_readable(case, experiment)]
    hidden = _hidden(case, experiment, job)
    hidden += _other_names(hidden, read)
    spec = {
        "read": _strings(read),
        "list": [],
        "write": _strings([job.scratch]),
        "devices": list(card.nodes),
        "hidden": _strings([case.repository.git.top, case.repository.git.common_dir, *hidden]),
        "packages": [p.removeprefix(PACKAGE) for p in experiment.validation if PACKAGE in p],
    }
    # Its pool of compilers talks through /dev/shm, which outlives a run.
    settings = {**job.settings, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    if card.visible:
        settings["CUDA_VISIBLE_DEVICES"] = card.visible
    return replace(job, message={**job.message, "sandbox": spec}, settings=settings)


def _hidden(case: Case, experiment: Experiment, job: Job) -> list[Path]:
    """The validation files, where they lie and where they are checked out."""
    roots = {case.evidence.root, job.folder}
    patterns = [p for p in experiment.validation if not p.startswith(PACKAGE)]
    return sorted({path for root in roots for p in patterns for path in data.files(p, root)})


def _readable(case: Case, experiment: Experiment) -> Iterator[Path]:
    """The data: every file that is named, and the folders that they lie in, for what lies beside
    them; a folder with the project or a person's home in it stays closed."""
    root = case.evidence.root
    patterns = [*experiment.data, *experiment.validation]
    patterns += [glob for rule in case.bound.rules for _, glob in values_of(rule.checker, DataGlob)]
    closed = [root.resolve(), case.repository.git.top.resolve(), Path.home().resolve()]
    for pattern in dict.fromkeys(p for p in patterns if not p.startswith(PACKAGE)):
        yield from data.files(pattern, root)
        folder = _folder(root / Path(pattern).expanduser()).resolve()
        if not any(path.is_relative_to(folder) for path in closed):
            yield folder


def _folder(pattern: Path) -> Path:
    """The deepest folder that holds all that a glob may name."""
    while glob.has_magic(str(pattern.parent)):
        pattern = pattern.parent
    return pattern.parent


def _other_names(files: list[Path], read: list[Path]) -> Iterator[Path]:
    """Hard links to the files among what may be read."""
    linked = {(s.st_dev, s.st_ino) for file in files if (s := file.stat()).st_nlink > 1}
    for start in read if linked else []:
        for path in start.rglob("*") if start.is_dir() else [start]:
            stat = path.lstat()
            if (stat.st_dev, stat.st_ino) in linked:
                yield path


def _strings(paths: Iterator[Path] | list[Path]) -> list[str]:
    return sorted({str(path.resolve()) for path in paths})
