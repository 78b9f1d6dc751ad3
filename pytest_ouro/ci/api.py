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
    """Return the parsed JSON answer of GitHub's API to a GET request for ``path`` below the address
    of the job's repository. GitError, which names the cause, if the server refuses, does not answer
    within ``seconds``, cannot be reached, or answers with anything but JSON."""
    return _parse(env, _call(env, _address(env, path), seconds=seconds))


def send(env: Mapping[str, str], method: str, path: str, content: object) -> object:
    """Send ``content`` as JSON to ``path`` below the address of the job's repository, by the method
    ``POST`` or ``PATCH``, and return the parsed JSON answer. GitError as in `ask`."""
    body = json.dumps(content).encode()
    return _parse(env, _call(env, _address(env, path), method=method, body=body))


def download(env: Mapping[str, str], path: str) -> bytes:
    """Return the bytes of the file to which ``path`` of the job's repository redirects. The file
    may lie on another server, which does not get the job's token. GitError if there is no redirect,
    or if a server refuses, is too slow or cannot be reached."""
    place = _call(env, _address(env, path), follows=True)
    return _call({**env, "INPUT_TOKEN": ""}, place.decode(errors="replace"))


def _address(env: Mapping[str, str], path: str) -> str:
    """Return the full address, in GitHub's API, of ``path`` below the job's repository."""
    return f"{env.get('GITHUB_API_URL', '')}/repos/{env.get('GITHUB_REPOSITORY', '')}/{path}"


def _parse(env: Mapping[str, str], said: bytes) -> object:
    """Return the value of the JSON text ``said``, the body of an answer; GitError if it is not
    JSON. ``env`` gives the API's address for the message."""
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
    """Send one HTTP request to ``address`` and return the body of the answer. If ``follows``, the
    answer must be a redirect, and its target, an address, is returned instead. ``seconds`` limits
    the whole call. GitError if the server refuses, is too slow or cannot be reached, if the answer
    is too large, or if a redirect comes unasked or is missing."""
    import urllib.error
    import urllib.request

    class Direct(urllib.request.HTTPRedirectHandler):
        """A handler of redirects that follows none: another server would get the token."""

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
    """Return the whole body of an answer. TimeoutError if it is still being read at ``end``, a time
    of the monotonic clock; ValueError if it has more than `_LARGEST` bytes."""
    parts, size = [], 0
    while part := answer.read1(65536):
        parts.append(part)
        size += len(part)
        if time.monotonic() > end:
            raise TimeoutError
        if size > _LARGEST:
            raise ValueError(f"the answer has more than {_LARGEST:,} bytes")
    return b"".join(parts)
