"""Ask the API of GitHub with the job's token, and post to it. Each question is bounded in time and
in size."""

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
    return _parse(env, _call(env, _address(env, path), seconds=seconds))


def send(env: Mapping[str, str], method: str, path: str, content: object) -> object:
    """Send ``content`` as JSON to ``path`` of the job's repository by ``POST`` or ``PATCH``, and
    return the answer. GitError as in `ask`."""
    body = json.dumps(content).encode()
    return _parse(env, _call(env, _address(env, path), method=method, body=body))


def download(env: Mapping[str, str], path: str) -> bytes:
    """Return the bytes that ``path`` of the job's repository leads to, at another server too, which
    does not get the token. GitError as in `ask`."""
    place = _call(env, _address(env, path), follows=True)
    return _call({**env, "INPUT_TOKEN": ""}, place.decode(errors="replace"))


def _address(env: Mapping[str, str], path: str) -> str:
    """Return the address of a path of the job's repository."""
    return f"{env.get('GITHUB_API_URL', '')}/repos/{env.get('GITHUB_REPOSITORY', '')}/{path}"


def _parse(env: Mapping[str, str], said: bytes) -> object:
    """Return an answer as JSON; GitError if it is something else."""
    try:
        found: object = json.loads(said)
    except ValueError as error:
        api = env.get("GITHUB_API_URL", "")
        raise messages.api_unreachable(api, f"{type(error).__name__}: {error}") from None
    return found


def _call(
    env: Mapping[str, str],
    address: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    seconds: float = SECONDS,
    follows: bool = False,
) -> bytes:
    """Return the body of the answer of a server. With ``follows`` the answer must lead to another
    address, which is returned instead. GitError as in `ask`."""
    import urllib.error
    import urllib.request

    class Direct(urllib.request.HTTPRedirectHandler):
        """Follows no redirect, which would take the token to another server."""

        def redirect_request(self, *_: object) -> None:
            return None

    api, token = env.get("GITHUB_API_URL", ""), env.get("INPUT_TOKEN", "")
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "pytest-ouro"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    end = time.monotonic() + seconds
    try:
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"'{address[:60]}' is not an address")
        request = urllib.request.Request(address, body, headers, method=method)
        opener = urllib.request.build_opener(Direct)
        with opener.open(request, timeout=seconds) as answer:
            if follows:
                raise ValueError("it does not lead to the file")
            said = _read(answer, end)
    except urllib.error.HTTPError as error:
        if follows and error.code in (302, 307) and (place := error.headers.get("Location")):
            return place.encode()
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
