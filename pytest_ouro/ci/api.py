"""Ask the API of GitHub with the job's token. Each question is bounded in time and in size."""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING

from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds for one answer, from the connection to its last byte.
SECONDS = 20
#: Bytes of one answer.
_LARGEST = 8_000_000


def ask(env: Mapping[str, str], path: str, *, seconds: float = SECONDS) -> object:
    """Return what the server says about ``path`` of the job's repository, as JSON. GitError that
    tells the cause if it refuses, does not answer within ``seconds``, or says something else."""
    import urllib.error
    import urllib.request

    class Direct(urllib.request.HTTPRedirectHandler):
        """Follows no redirect, which would take the token to another server."""

        def redirect_request(self, *_: object) -> None:
            return None

    api, repository = env.get("GITHUB_API_URL", ""), env.get("GITHUB_REPOSITORY", "")
    token = env.get("INPUT_TOKEN", "")
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "pytest-ouro"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    end = time.monotonic() + seconds
    try:
        request = urllib.request.Request(f"{api}/repos/{repository}/{path}", headers=headers)
        opener = urllib.request.build_opener(Direct)
        with opener.open(request, timeout=seconds) as answer:
            said: object = json.loads(_read(answer, end))
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise messages.api_unreachable(api, f"the server answers {error.code}") from None
        busy = error.code == 429 or error.headers.get("x-ratelimit-remaining") == "0"
        raise messages.api_refuses(api, error.code, sent=bool(token), busy=busy) from None
    except TimeoutError:
        raise messages.api_too_slow(api, seconds) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise messages.api_too_slow(api, seconds) from None
        raise messages.api_unreachable(api, str(error.reason)) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise messages.api_unreachable(api, f"{type(error).__name__}: {error}") from None
    return said


def _read(answer: http.client.HTTPResponse, end: float) -> bytes:
    """Return the body of an answer. TimeoutError after ``end``, a time of the monotonic clock;
    ValueError if it is too large."""
    parts, size = [], 0
    while part := answer.read1(65536):
        parts.append(part)
        size += len(part)
        if time.monotonic() > end:
            raise TimeoutError
        if size > _LARGEST:
            raise ValueError(f"the answer has more than {_LARGEST:,} bytes")
    return b"".join(parts)
