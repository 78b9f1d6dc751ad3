"""Make the requests of a batch: what its workers get to measure."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pytest_ouro.experiment.engines.bundle import digest_of, pack
from pytest_ouro.experiment.engines.events import Request
from pytest_ouro.messages import experiment as experiment_messages

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.terms.setup import Profile
    from pytest_ouro.experiment.terms.turns import Turn


class Sender:
    """Makes requests for commits of the repository of ``case``. What all have in common, the
    history of HEAD and of the trusted commit, is packed once, into the new file ``file``.

    Raise ExperimentError for a shallow clone or if the file cannot be written, GitError if git
    fails.
    """

    def __init__(self, case: Case, file: Path, profile: Profile, budget: float | None) -> None:
        from pytest_ouro import __version__

        self._git = case.repository.git
        self._shared = [case.repository.head, case.trust.commit]
        bundle = pack(self._git, self._shared)
        try:
            file.write_bytes(bundle)
        except OSError as error:
            raise experiment_messages.no_temporary_folder(error.strerror or str(error)) from None
        folders = (case.evidence.root, self._git.top)
        hidden = (self._git.top, self._git.common_dir, *case.evidence.place.closed)
        venv = next((one / ".venv" for one in folders if (one / ".venv").is_dir()), "")
        self._facts = {
            "head": case.repository.head,
            "trust": case.trust.commit,
            "named": case.trust.lock is None,
            "bound": case.trust.bound_path,
            "base": str(file),
            "base_digest": digest_of(bundle),
            "version": __version__,
            "device": profile,
            "budget": float(budget or 0.0),
            "venv": str(venv),
            "hidden": tuple(map(str, hidden)),
        }

    def request(self, commit: str, turn: Turn) -> Request:
        """Return the request of a new attempt to measure a commit (full id). Raise GitError if git
        fails."""
        bundle = pack(self._git, [commit], self._shared)
        return Request(
            attempt=uuid.uuid4().hex[:12],
            commit=commit,
            bundle=bundle,
            digest=digest_of(bundle),
            salt=turn.salt,
            purpose=turn.purpose,
            plan=turn.plan or "",
            series=turn.series or "",
            repeat=turn.number or 0,
            repeats=turn.total or 0,
            **self._facts,  # type: ignore[arg-type]
        )
