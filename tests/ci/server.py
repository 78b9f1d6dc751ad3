"""A server on loopback as GitHub is to a job: git over HTTP, any object by its id, and its API."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "good-token"


class Server:
    """Serves the repositories below a folder; those of ``private`` need the token.

    ``calls`` are the path and the user of every request; ``approvals`` is what the API says of a
    run, ``approvals_of`` of one with that id, ``runs`` are the runs of workflows, the newest first,
    and ``pulls`` the pull requests by number; ``silent`` lets every request wait until the server
    is closed, and ``elsewhere`` is where the API sends those who ask. ``answers`` are what it says
    about other paths below a repository, and ``places`` where it sends those who ask about them;
    ``files`` are what it has at other paths, for anyone. ``posted`` are what was sent to it:
    method, path and content.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[tuple[str, str]] = []
        self.approvals: list[dict[str, object]] = []
        self.approvals_of: dict[str, list[dict[str, object]]] = {}
        self.runs: list[dict[str, object]] = []
        self.pulls: dict[str, dict[str, object]] = {}
        self.elsewhere = ""
        self.answers: dict[str, object] = {}
        self.places: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.posted: list[tuple[str, str, object]] = []
        self.silent = False
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def say(self, path: str, query: dict[str, list[str]]) -> object:
        """Return what the API says about a path; None if it knows nothing of it."""
        parts = path.split("/")
        below = "/".join(parts[5:])
        if below in self.answers:
            return self.answers[below]
        if parts[-1] == "approvals":
            return self.approvals_of.get(parts[-2], self.approvals)
        if parts[-1] == "runs":
            wanted = {key: query[key][0] for key in ("event", "head_sha") if key in query}
            wanted |= {"head_branch": query["branch"][0]} if "branch" in query else {}
            wanted["path"] = f".github/workflows/{parts[-2]}"
            status = query.get("status", [""])[0]
            if status not in ("", "completed"):
                wanted["conclusion"] = status
            found = [r for r in self.runs if all(r.get(k) == v for k, v in wanted.items())]
            found = [r for r in found if status != "completed" or r["conclusion"]]
            return {"total_count": len(found), "workflow_runs": found}
        return self.pulls.get(parts[-1]) if parts[-2] == "pulls" else None

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            basic = self.headers.get("Authorization", "").removeprefix("Basic ")
            user = base64.b64decode(basic).decode() if " " not in basic else basic
            server.calls.append((path, user))
            body = self._body()
            if server.silent:
                server.closing.wait()
            if path in server.files:
                self._send(200, server.files[path], [])
            elif path.startswith("/private/") and user != f"x-access-token:{TOKEN}":
                self._send(401, b"", [("WWW-Authenticate", 'Basic realm="git"')])
            elif path.startswith("/api/"):
                allowed = user == f"Bearer {TOKEN}"
                said = server.say(path, parse_qs(query)) if allowed else None
                status = 403 if not allowed else 404 if said is None else 200
                status = 302 if server.elsewhere else status
                place = [("Location", server.elsewhere)] if server.elsewhere else []
                below = "/".join(path.split("/")[5:])
                if allowed and self.command != "GET":
                    server.posted.append((self.command, below, json.loads(body)))
                    status, said = 201, {}
                elif allowed and below in server.places:
                    status, place = 302, [("Location", server.places[below])]
                self._send(status, json.dumps(said).encode(), place)
            else:
                self._send(*_git(server.root, self, path, query, body))

        do_GET = do_POST = do_PATCH = _answer

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _send(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
            self.send_response(status)
            for name, value in [*headers, ("Content-Length", str(len(body)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _git(
    root: Path, request: BaseHTTPRequestHandler, path: str, query: str, body: bytes
) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return the status, body and headers with which git itself answers a request."""
    variables = {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(
        ["git", "http-backend"],
        input=body,
        env={**os.environ, **variables},
        capture_output=True,
        check=False,
    )
    head, _, said = done.stdout.partition(b"\r\n\r\n")
    headers = [line.partition(": ")[::2] for line in head.decode().split("\r\n") if line]
    status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
    return status, said, [(name, value) for name, value in headers if name != "Status"]
