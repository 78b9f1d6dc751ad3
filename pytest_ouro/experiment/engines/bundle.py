"""Send commits as git bundles, see gitformat-bundle(5): a bundle has the objects of its tips,
except for those of commits that the receiver has already."""

from __future__ import annotations

import hashlib
import os
from errno import EDQUOT, EFBIG, ENOSPC
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.client import Git, run_git
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_ouro.core.errors import ExperimentError

_FIRST, _FIRST_SHA256 = b"# v2 git bundle\n", b"# v3 git bundle\n@object-format=sha256\n"
#: What git says if it cannot write a file, in the words of the system.
_FULL = tuple(os.strerror(code) for code in (ENOSPC, EDQUOT, EFBIG))
#: The name that a bundle gives to each of its tips, with a number at its end.
_REF = "refs/ouro/sent/"


def pack(git: Git, tips: Sequence[str], without: Sequence[str] = ()) -> bytes:
    """Return a bundle of the commits ``tips`` (full ids) with all their ancestors, except for what
    the commits ``without``, its prerequisites, have. Nothing is written to the repository.

    Raise ExperimentError for a shallow clone, which lacks ancestors; GitError if git fails.
    """
    if git.shallow:
        raise messages.shallow_clone()
    asked = "".join([f"{tip}\n" for tip in tips] + [f"^{one}\n" for one in without]).encode()
    options = ("--revs", "--thin", "--delta-base-offset", "--stdout", "-q")
    packed = run_git("pack-objects", *options, cwd=git.top, stdin=asked)
    first = _FIRST if len(tips[0]) == 40 else _FIRST_SHA256
    head = [f"-{one}" for one in without]
    head += [f"{tip} {_REF}{number}" for number, tip in enumerate(dict.fromkeys(tips))]
    return first + "\n".join([*head, "\n"]).encode() + packed


def unpack(store: Path, bundle: bytes, digest: str, tips: Iterable[str]) -> None:
    """Add the objects of a bundle to the repository that `make_store` made in ``store``, and verify
    that the commits ``tips`` are there.

    Raise ExperimentError if the sha256 of the bundle is not ``digest``, if git finds it damaged, if
    a tip is missing or not what its id says, or if the disk is full. Git verifies every object of a
    bundle by its id.
    """
    tips = list(tips)
    name = " and ".join(dict.fromkeys(tip[:7] for tip in tips))
    if (arrived := digest_of(bundle)) != digest:
        why = f"its sha256 is {arrived:.12} in place of {digest:.12}, with {len(bundle)} bytes"
        raise messages.damaged_bundle(name, why)
    start = bundle.find(b"\n\n")
    if start < 0 or not bundle.startswith((_FIRST, _FIRST_SHA256)):
        raise messages.damaged_bundle(name, "it is not a bundle")
    try:
        run_git("index-pack", "--stdin", "--fix-thin", cwd=store, stdin=bundle[start + 2 :])
        git = Git.objects(store)
        for tip in tips:
            git.store.commit(tip)
        git.close()
    except GitError as error:
        if full := find_full_disk(error):
            raise no_place(bundle, store, full) from None
        raise messages.damaged_bundle(name, error.message) from None


def find_full_disk(error: OSError | GitError) -> str:
    """Return what the system says if an error is that a file cannot be written for want of room, ""
    if it is another one."""
    return next((why for why in _FULL if why in str(error)), "")


def no_place(bundle: bytes, folder: Path, why: str) -> ExperimentError:
    """Return the error that a bundle, or what is in it, cannot be stored in a folder."""
    return messages.no_place_for_bundle(f"{len(bundle) / 1024:.0f}", str(folder), why)


def digest_of(bundle: bytes) -> str:
    """Return the sha256 of a bundle, in hexadecimal digits."""
    return hashlib.sha256(bundle).hexdigest()


def make_store(folder: Path, *, like: str, borrow: Path | None = None) -> None:
    """Make a repository without files in the new folder ``folder``, for objects whose ids are of
    the kind of the id ``like``. It finds the objects of such a repository ``borrow`` too, unless
    that is None. Raise GitError if git fails, OSError if a file cannot be written.

    It is not bare: a user can forbid git to use a bare repository (safe.bareRepository).
    """
    kind = () if len(like) == 40 else ("--object-format=sha256",)
    usual = ("init.defaultObjectFormat=sha1", "init.defaultRefFormat=files")
    folder.mkdir(parents=True)
    run_git("init", "--quiet", "--template=", *kind, cwd=folder, also=usual)
    if borrow is not None:
        info = folder / ".git" / "objects" / "info"
        info.mkdir(exist_ok=True)
        (info / "alternates").write_text(f"{borrow / '.git' / 'objects'}\n", encoding="utf-8")
