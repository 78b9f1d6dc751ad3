"""Ask GitHub who approved the present run of a workflow in a protected environment.

An environment that is not protected has no approvals, so that naming one approves nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 20


def find_approvers(env: Mapping[str, str], environment: str) -> list[str]:
    """Return the names of the people who approved this run in ``environment``, at least one.
    TrustError if nobody did, or the server does not tell."""
    import urllib.error
    import urllib.request

    run = f"{env['GITHUB_REPOSITORY']}/actions/runs/{env['GITHUB_RUN_ID']}"
    request = urllib.request.Request(
        f"{env['GITHUB_API_URL']}/repos/{run}/approvals",
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {env.get('INPUT_TOKEN', '')}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        raise messages.unapproved(environment, f"the server answers {error.code}") from None
    except (OSError, ValueError) as error:
        raise messages.unapproved(environment, f"the server cannot be asked: {error}") from None
    found = list(dict.fromkeys(_read(said, environment)))
    if not found:
        raise messages.unapproved(environment, "it has no approval of this run")
    return found


def _read(said: object, environment: str) -> list[str]:
    """Return the names of those who approved a run in ``environment``, of GitHub's answer; [] if
    there are none, or the answer has another form."""
    reviews = said if isinstance(said, list) else []
    return [
        str(review["user"]["login"])
        for review in reviews
        if isinstance(review, dict)
        and review.get("state") == "approved"
        and isinstance(review.get("user"), dict)
        and any(
            isinstance(one, dict) and one.get("name") == environment
            for one in review.get("environments") or ()
        )
    ]
