"""Describe the sandbox of a run, and test whether this machine can provide one."""

from __future__ import annotations

import contextlib
import glob
import json
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.core.schema import values_of
from pytest_ouro.evidence import data
from pytest_ouro.evidence.paths import DataGlob
from pytest_ouro.experiment.terms.job import CHILD
from pytest_ouro.experiment.terms.names import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.terms.job import Job

#: Seconds after which the self-test is given up.
_SECONDS = 30.0


@dataclass(frozen=True)
class Availability:
    """Whether this machine has a sandbox that works (``ok``), and ``why`` not ("" if it has)."""

    ok: bool
    why: str = ""


def available(
    python: tuple[str, ...],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    newest: int = 7,
    network: bool = False,
) -> Availability:
    """Return whether the sandbox passes its self-test here; if not, ``why`` has up to three of its
    failures.

    The test runs in a process of its own, started by the command ``python`` in ``folder`` with the
    variables ``environment`` (None: this process's folder and variables). It tries actions that
    must fail and actions that must succeed. ``newest`` is the highest version of Landlock that it
    uses; ``network`` allows the internet. A test that cannot be run counts as a failure.
    """
    try:
        with (
            tempfile.TemporaryDirectory(prefix="ouro-") as name,
            socket.socket(socket.AF_UNIX) as listener,
        ):
            ground = Path(name).resolve()
            _write_probe_files(ground)
            listener.bind(str(ground / "socket"))
            listener.listen(1)
            message = {"folder": str(ground), "newest": newest, "network": network}
            failures = _probe(python, message, folder, environment)
    except (OSError, subprocess.SubprocessError) as error:
        failures = [str(error)]
    return Availability(not failures, "; ".join(failures[:3]))


def _write_probe_files(ground: Path) -> None:
    """Write what the self-test tries to reach into the folder ``ground``: a folder ``readable``
    with the files ``data`` and ``hidden``, an empty folder ``scratch``, and a file ``beside`` that
    the sandbox does not allow."""
    for name in ("readable", "scratch"):
        (ground / name).mkdir()
    for name in ("readable/data", "readable/hidden", "beside"):
        (ground / name).write_text("data\n", "utf-8")


def _probe(
    python: tuple[str, ...],
    message: Mapping[str, object],
    folder: Path | None,
    environment: Mapping[str, str] | None,
) -> list[str]:
    """Start the self-test in a process of its own, send it ``message``, and return its failures,
    each as a text; [] if it passes.

    A process that fails, gives no answer or does not end in time counts as one failure. Raise
    OSError if it cannot be started.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(json.dumps(message).encode() + b"\n")
        try:
            done = subprocess.run(
                [*python, "-B", str(CHILD), "probe", str(theirs.fileno())],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [f"the self-test of the sandbox did not end within {_SECONDS:g} s"]
        theirs.close()
        answer = b""
        with contextlib.suppress(ConnectionError):  # the process ended without reading
            answer = ours.recv(1 << 16)
    if done.returncode or not answer:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else f"exit status {done.returncode}"
        return [f"the self-test of the sandbox failed: {last}"]
    failures: list[str] = json.loads(answer)
    return failures


def unhidden(case: Case, experiment: Experiment) -> str:
    """Return why a sandbox could not hide the validation data from the script or command; "" if it
    could.

    It could not if the bound names no validation data, or if one of the bound's patterns of
    validation files matches no file. Installed packages count as data that can be hidden, whether
    they exist or not. Raise what `data.files` raises.
    """
    if not experiment.validation:
        return "the bound names no 'validation' files that could be hidden"
    patterns = tuple(p for p in experiment.validation if not p.startswith(PACKAGE))
    missing = data.missing(patterns, case.evidence.root)
    return f"validation files missing: {missing[0]}" if missing else ""


def confine(case: Case, experiment: Experiment, job: Job, tree: Path) -> Job:
    """Return the job with the description of its sandbox in its message, and with settings by which
    torch compiles with one thread. If the job may use cards, CUDA_VISIBLE_DEVICES is set to the
    first visible one, provided that NVIDIA's driver answers.

    The repository, its shared records, the job's ``hidden`` folders, the validation files and the
    hard links to them are hidden. The run may read ``tree``, which is its checkout, and the bound's
    other data, and write to the job's scratch folder. A command may also write to ``tree``, where
    nothing can stay hidden, so that the validation files in it are deleted. Raise ExperimentError
    if the driver does not know the card, OuroError if a data file cannot be examined, OSError if a
    validation file cannot be examined or deleted.
    """
    from pytest_ouro.experiment.devices import nvml  # only a sandbox needs it

    card = nvml.Access("", ()) if job.hide_cuda else nvml.access()
    read = [tree, *_readable(case, experiment)]
    hidden = _hidden(case, experiment, job)
    write, message = [job.scratch], job.message
    if experiment.command:  # it builds in its tree, where nothing can stay hidden: it is not there
        hidden = _take_out(hidden, tree)
        write, message = [tree, job.scratch], {**message, "network": experiment.highest == "judged"}
    hidden += _other_names(hidden, read)
    git = case.repository.git
    repositories = (git.top, git.common_dir, *case.evidence.place.closed)
    spec = {
        "read": _strings(read),
        "write": _strings(write),
        "devices": list(card.nodes),
        "hidden": _strings([*repositories, *job.hidden, *hidden]),
        "packages": [p.removeprefix(PACKAGE) for p in experiment.validation if PACKAGE in p],
    }
    # More compile threads would communicate through /dev/shm, which outlives a run.
    settings = {**job.settings, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    if card.visible:
        settings["CUDA_VISIBLE_DEVICES"] = card.visible
    return replace(job, message={**message, "sandbox": spec}, settings=settings)


def _take_out(files: list[Path], tree: Path) -> list[Path]:
    """Delete those of the files that lie in ``tree``; return the others. Raise OSError if one
    cannot be deleted."""
    inside = {path for path in files if path.parent.resolve().is_relative_to(tree.resolve())}
    for path in inside:
        path.unlink()
    return [path for path in files if path not in inside]


def _hidden(case: Case, experiment: Experiment, job: Job) -> list[Path]:
    """Return the validation files that the bound's patterns match, sorted and without duplicates;
    relative patterns start both from the experiment's folder and from the job's folder.

    Installed packages among the validation data are left out.
    """
    roots = {case.evidence.root, job.folder}
    patterns = [p for p in experiment.validation if not p.startswith(PACKAGE)]
    return sorted({path for root in roots for p in patterns for path in data.files(p, root)})


def _readable(case: Case, experiment: Experiment) -> Iterator[Path]:
    """Yield the paths that a sandbox lets the run read in addition to its checkout.

    These are the files that match the bound's ``data`` and ``validation`` patterns and the data
    patterns of its rules, validation files too: the caller hides them. Each pattern also adds the
    deepest folder above its first wildcard (`_folder`), since a program may read other files there.
    A folder is left out if it is, or contains, the experiment's folder, the repository, its shared
    records or the user's home. Patterns of installed packages are ignored.
    """
    root = case.evidence.root
    patterns = [*experiment.data, *experiment.validation]
    patterns += [glob for rule in case.bound.rules for _, glob in values_of(rule.checker, DataGlob)]
    places = (root, case.repository.git.top, *case.evidence.place.closed, Path.home())
    closed = [place.resolve() for place in places]
    for pattern in dict.fromkeys(p for p in patterns if not p.startswith(PACKAGE)):
        yield from data.files(pattern, root)
        folder = _folder(root / Path(pattern).expanduser()).resolve()
        if not any(path.is_relative_to(folder) for path in closed):
            yield folder


def _folder(pattern: Path) -> Path:
    """Return the deepest folder that contains every match of a glob: the part of its path above the
    first part with a wildcard; for a path without wildcards its parent."""
    while glob.has_magic(str(pattern.parent)):
        pattern = pattern.parent
    return pattern.parent


def _other_names(files: list[Path], read: list[Path]) -> Iterator[Path]:
    """Yield each path at or below the paths ``read`` that is a hard link to one of ``files``; that
    may be the file's own path.

    Files without a second hard link are ignored. Raise OSError if one of ``files`` is missing.
    """
    linked = {(s.st_dev, s.st_ino) for file in files if (s := file.stat()).st_nlink > 1}
    for start in read if linked else []:
        for path in start.rglob("*") if start.is_dir() else [start]:
            stat = path.lstat()
            if (stat.st_dev, stat.st_ino) in linked:
                yield path


def _strings(paths: Iterator[Path] | list[Path]) -> list[str]:
    """Return the paths as text, absolute and with links resolved, sorted and without duplicates."""
    return sorted({str(path.resolve()) for path in paths})
