"""``pytest-ouro watch --serve``: the page of a night, served to browsers of this machine.

Who may read it is who has its address, which contains a random word. Nothing of a request is used
but its method, its path and its Host, and nothing can be changed by one.
"""

from __future__ import annotations

import contextlib
import datetime
import hmac
import secrets
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, Any

from pytest_ouro.cli.output import say
from pytest_ouro.core.escape import escape
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.experiment.records.heartbeat import match, read_heartbeats
from pytest_ouro.messages import command_line as messages
from pytest_ouro.report.page.collect import collect
from pytest_ouro.report.page.parts.current import write_current
from pytest_ouro.report.page.render import render_policy, render_served
from pytest_ouro.report.page.source import read_source
from pytest_ouro.report.runs.follow import Follower
from pytest_ouro.report.unforeseen import to_error

if TYPE_CHECKING:
    from pathlib import Path

#: The only address that is listened on.
ADDRESS = "127.0.0.1"
#: The largest share of a processor that making pages may take, and the least seconds between two.
_SHARE, _LEAST = 0.005, 5.0
#: The most connections whose requests are read at a time, and the seconds that one may take.
_READING, _SECONDS = 32, 10.0
#: Besides the policy of the page: no other site may show it or read it, and nothing keeps it.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def serve(path: Path, port: int) -> None:
    """Serve the page of the experiment whose bound.toml is at ``path`` until Ctrl-C, on a port of
    this machine (0: a free one), and print its address. Raise OuroError if the port cannot be used,
    or there is no repository."""
    pages = Pages(path)
    try:
        server = PageServer(pages, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise messages.unusable_port(port, reason) from None
    with server:
        say(f"ouro: the page is at {server.address}", "ouro: Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class Pages:
    """The page of a night, kept between answers.

    It is made again once the journal's file has changed, but not within ``_LEAST`` seconds, and
    only so often that making it takes no more than ``_SHARE`` of a processor; until then the old
    page is returned. The progress of the current run in it is read again for each answer.
    """

    def __init__(self, path: Path) -> None:
        """Make pages of the experiment whose bound.toml is at ``path``. Raise GitError if there is
        no repository."""
        self._path = path
        self._journal = find_place(Git.discover(path.parent)).journal
        self._follower, self._lock = Follower(self._journal), Lock()
        #: The page before and after the current run, and the time of its last run.
        self._parts, self._ended = ("", ""), ""
        self._seen, self._next = (0, 0, 0), 0.0

    def read(self) -> bytes:
        """Return the page as HTML in UTF-8, made again if that is due. Raise OuroError if the
        records cannot be read."""
        with self._lock:
            seen = self._look()
            if not all(self._parts) or (seen != self._seen and time.monotonic() >= self._next):
                began = time.thread_time()
                source = read_source(self._path)
                made = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
                self._parts, self._seen = render_served(collect(source, made=made)), seen
                self._ended = source.runs[-1].time if source.runs else ""
                pause = max(_LEAST, (time.thread_time() - began) / _SHARE)
                self._next = time.monotonic() + pause
            before, after = self._parts
            page = f"{before}{self._write_current()}{after}"
        return page.encode(errors="backslashreplace")

    def _write_current(self) -> str:
        """Return the progress of the runs that go on as HTML. Raise RecordError if the journal,
        which says which these are, cannot be read."""
        beats = read_heartbeats(self._journal)
        if beats:
            self._follower.grew()
        found = (match(beat, self._follower.going) for beat in beats)
        now = datetime.datetime.now().astimezone()
        return "\n".join(write_current([beat for beat in found if beat], self._ended, now))

    def _look(self) -> tuple[int, int, int]:
        """Return the inode, the size in bytes and the time of change in ns of the journal's file,
        of which one changes with the records; zeros without a file."""
        try:
            found = self._journal.path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_ino, found.st_size, found.st_mtime_ns


class PageServer(ThreadingHTTPServer):
    """A server of one page at one address, which only processes of this machine can reach, and
    whose path is a random word."""

    daemon_threads = True
    #: Python 3.14 would share a port with another process of this user.
    allow_reuse_port = False

    def __init__(self, pages: Pages, port: int) -> None:
        """Listen on ``port``. Raise OSError or OverflowError if it cannot be used."""
        super().__init__((ADDRESS, port), _Handler)
        #: The connections whose requests are being read, and when they were opened; oldest first.
        self._reading: dict[socket.socket, float] = {}
        self.pages, self.token = pages, secrets.token_urlsafe(24)
        self.policy = render_policy() + "; frame-ancestors 'none'"

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> list[str]:
        """The values of ``Host`` for this server. Browsers leave out the port 80."""
        names, port = (ADDRESS, "localhost"), self.server_port
        return [f"{name}:{port}" for name in names] + [*(names if port == 80 else ())]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a request in a thread of its own. If too many connections say nothing or too
        little, the oldest is closed, so that none of them keeps a browser out."""
        self._reading[request] = time.monotonic()
        if len(self._reading) > _READING:
            self._hang_up(next(iter(self._reading)))
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Close the connections whose requests took too long. It is called twice a second."""
        now = time.monotonic()
        for request, began in [*self._reading.items()]:
            if now - began > _SECONDS:
                self._hang_up(request)

    def _hang_up(self, request: socket.socket) -> None:
        """Close a connection, which ends the thread that reads from it."""
        self.end_reading(request)
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def end_reading(self, request: socket.socket) -> None:
        """Stop counting a connection as one whose request is being read, so that its answer may
        take its time."""
        self._reading.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection of a request that is over, and stop counting it as one that is being
        read."""
        self.end_reading(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a request that failed, such as one whose browser has gone."""


class _Handler(BaseHTTPRequestHandler):
    """Answer one request: send the page to a GET of its address, and an error to any other."""

    server: PageServer
    #: Seconds that sending an answer may take.
    timeout = _SECONDS
    server_version, sys_version = "pytest-ouro", ""

    def do_GET(self) -> None:
        """Send the page, if the Host is that of this server and the path its random word; else send
        403 or 404. Send 500 if the records cannot be read."""
        self.server.end_reading(self.connection)
        if self.headers.get_all("Host", []) not in ([host] for host in self.server.hosts):
            self._answer(403, b"another Host\n")  # a site whose name was bound to this address
            return
        if not hmac.compare_digest(self.path.encode(), f"/{self.server.token}/".encode()):
            self._answer(404, b"nothing is here\n")
            return
        try:
            page = self.server.pages.read()
        except Exception as error:
            words = escape(to_error(error).message)
            self._answer(500, f"{words}\n".encode(errors="backslashreplace"))
            return
        self._answer(200, page, "text/html; charset=utf-8")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse another method than GET, and what is not a request, without a word of it."""
        if code == 501:  # the base class's for a method without a function of its own
            self._answer(405, b"GET alone\n")
        else:
            self._answer(code, b"not a request\n")

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        """Send an answer, without the body to a HEAD, and close the connection."""
        self.close_connection = True
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 405:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":  # which is None if no request could be read
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests: their paths contain the random word."""
