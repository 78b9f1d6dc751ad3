"""Ask GitHub who approved a run of a workflow in a protected environment.

An environment that is not protected has no approvals, so that naming one approves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.ci.api import ask
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.foreign_json import table, tables
from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Mapping


def find_approvers(env: Mapping[str, str], environment: str, *, run: str = "") -> list[str]:
    """Return the names of the people who approved a run of a workflow in ``environment``; there is
    at least one. ``run`` is the id of the run; "" is the run of this job. TrustError if nobody
    approved it, or the server does not say."""
    try:
        said = ask(env, f"actions/runs/{run or env.get('GITHUB_RUN_ID', '')}/approvals")
    except OuroError as error:
        raise messages.unapproved(environment, error.message) from None
    found = list(dict.fromkeys(_read(said, environment)))
    if not found:
        raise messages.unapproved(environment, "it has no approval of this run")
    return found


def _read(said: object, environment: str) -> list[str]:
    """Return the names of the people who approved a run in ``environment``, as read from ``said``,
    GitHub's parsed answer; [] if nobody did, or if the answer has another form."""
    return [
        str(table(review, "user")["login"])
        for review in tables(said)
        if review.get("state") == "approved"
        and "login" in table(review, "user")
        and any(one.get("name") == environment for one in tables(review, "environments"))
    ]
