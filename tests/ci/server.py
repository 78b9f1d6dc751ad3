"""A server on loopback as GitHub is to a job: git over HTTP, any object by its id, and its API."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "good-token"


class Server:
    """Serves the repositories below a folder; those of ``private`` need the token.

    ``calls`` are the path and the user of every request; ``approvals`` is what the API says of a
    run; ``silent`` lets every request wait until the server is closed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[tuple[str, str]] = []
        self.approvals: list[dict[str, object]] = []
        self.silent = False
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

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
            if path.startswith("/private/") and user != f"x-access-token:{TOKEN}":
                self._send(401, b"", [("WWW-Authenticate", 'Basic realm="git"')])
            elif path.startswith("/api/"):
                known = path.endswith("/approvals") and user == f"Bearer {TOKEN}"
                said = json.dumps(server.approvals if known else {"message": "Forbidden"})
                self._send(200 if known else 403, said.encode(), [])
            else:
                self._send(*_git(server.root, self, path, query, body))

        do_GET = do_POST = _answer

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
