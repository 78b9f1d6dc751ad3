"""``pytest-ouro watch --serve``: one page, for who has its address on this machine, and no more."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from pytest_ouro.cli.watch.server import Pages, PageServer
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.records.heartbeat import Beating
from pytest_ouro.experiment.terms.job import Position
from tests.report.test_watch import TRACED, begin


@pytest.fixture
def server(project, recorded):
    recorded("keep", 2.0, reason="baseline", description="<script>alert(1)</script>")
    with PageServer(Pages(project.path / "bound.toml"), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, method="GET", path=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    path = f"/{server.token}/" if path is None else path
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, values in headers.items():
        for value in values if isinstance(values, list) else [values]:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def test_the_page_is_served_with_its_policy(server):
    answer, body = ask(server)

    assert answer.status == 200
    assert "2.000000" in body
    assert "<script>alert(1)" not in body
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.removesuffix("; frame-ancestors 'none'") in body
    assert "unsafe" not in policy
    assert "location.reload()" in body
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Type": "text/html; charset=utf-8",
        "Server": "pytest-ouro",
    }.items():
        assert answer.headers[name].strip() == value


def test_it_listens_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 32
    with PageServer(server.pages, 0) as other:
        assert other.token != server.token


@pytest.mark.parametrize("path", ["/", "/wrong/", "", "*", "/%00/", "//evil.example/", "/é/"])
def test_without_the_random_word_nothing_is_here(server, path):
    if path.isascii():
        assert ask(server, path=path)[0].status == 404
    prefix = server.token[:-1]
    assert ask(server, path=f"/{prefix}/")[0].status == 404
    assert ask(server, path=f"/{server.token}")[0].status == 404
    assert ask(server, path=f"/{server.token}/../../etc/passwd")[0].status == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:{port}", ""])
def test_another_host_is_refused(server, host):
    answer, body = ask(server, Host=host.format(port=server.server_port))

    assert answer.status == 403
    assert "2.000000" not in body


def test_two_hosts_are_refused_and_localhost_is_not(server):
    here = f"127.0.0.1:{server.server_port}"

    assert ask(server, Host=[here, "evil.example"])[0].status == 403
    assert ask(server, Host=f"localhost:{server.server_port}")[0].status == 200


@pytest.mark.parametrize(
    "method", ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]
)
def test_another_method_is_refused(server, method):
    answer, body = ask(server, method)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert "2.000000" not in body
    assert answer.headers["Access-Control-Allow-Origin"] is None


def test_an_unknown_method_is_refused_without_a_word_of_it(server):
    answer, body = ask(server, "<script>")

    assert (answer.status, answer.headers["Allow"], body) == (405, "GET", "GET alone\n")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("GET <b>x</b> y HTTP/1.1", b"400"),
        ("GET / HTTP/<b>", b""),
        ("<b>x</b>", b""),
        ("GET / HTTP/9.9", b""),
        (f"GET /{'<b>' * 30_000} HTTP/1.1", b"414"),
        (f"GET / HTTP/1.1\r\nX: {'<b>' * 30_000}", b"431"),
        ("GET / HTTP/1.1" + "\r\nX: <b>" * 300, b"431"),
    ],
)
def test_what_is_not_a_request_is_refused_without_a_word_of_it(server, sent, status):
    with connect(server) as connection:
        connection.sendall(f"{sent}\r\n\r\n".encode())
        answer = read_all(connection)

    assert b"<b>" not in answer
    assert answer.endswith(b"not a request\n")
    if status:
        assert answer.split(b" ")[1] == status
        assert b"Content-Security-Policy: default-src 'none'" in answer


def connect(server):
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=60)


def read_all(connection):
    """Return what a connection says until it ends; it may be cut off, since not all was read."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            answer += part
    return answer


@pytest.fixture
def patient(monkeypatch):
    """No connection is closed since it says nothing for a while."""
    monkeypatch.setattr("pytest_ouro.cli.watch.server._Handler.timeout", 600)


def test_a_request_that_takes_too_long_is_cut_off(patient, server, monkeypatch):
    with connect(server) as connection:
        connection.sendall(b"GET ")
        monkeypatch.setattr("pytest_ouro.cli.watch.server._SECONDS", -1.0)
        assert read_all(connection) == b""


@pytest.mark.tier(2)
def test_a_page_that_takes_long_to_make_is_not_cut_off(server, monkeypatch):
    monkeypatch.setattr("pytest_ouro.cli.watch.server._SECONDS", 0.5)
    made = server.pages.read

    def read():
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            server.service_actions()
        return made()

    monkeypatch.setattr(server.pages, "read", read)
    assert ask(server)[0].status == 200


def test_silent_connections_keep_no_browser_out(patient, server):
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connect(server)) for _ in range(40)]
        assert ask(server)[0].status == 200
        assert read_all(silent[0]) == b""


def test_what_nobody_foresaw_is_answered(server, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied", "/a/folder/<b>")

    monkeypatch.setattr("pytest_ouro.cli.watch.server.read_source", fail)
    answer, body = ask(server)

    assert (answer.status, body) == (500, "/a/folder/<b>: Permission denied\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_browsers_leave_out_the_port_80(server):
    assert server.hosts == [f"{name}:{server.server_port}" for name in ("127.0.0.1", "localhost")]
    server.server_port, port = 80, server.server_port
    assert server.hosts == ["127.0.0.1:80", "localhost:80", "127.0.0.1", "localhost"]
    server.server_port = port


def test_it_is_made_again_when_the_records_grow_but_not_too_often(server, recorded, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("pytest_ouro.cli.watch.server.time.monotonic", lambda: clock[0])
    server.pages._next = 0.0
    server.pages.read()
    first = server.pages._parts
    server.pages.read()
    assert server.pages._parts is first
    recorded("discard", 2.5, reason="worse")
    server.pages._next = clock[0] + 60
    server.pages.read()
    assert server.pages._parts is first  # it was made a moment ago
    clock[0] += 61
    assert b"2.500000" in server.pages.read()
    assert server.pages._next >= clock[0] + 5
    second = server.pages._parts
    server.pages.read()
    assert server.pages._parts is second


IDLE = "No run goes on; the last one on this page ended "


def test_a_run_that_goes_on_has_a_bar_until_it_ends(server, project, monkeypatch):
    monkeypatch.setattr("pytest_ouro.experiment.records.heartbeat._EVERY", 0.0)
    assert IDLE in ask(server)[1]
    journal = Journal(project.path / ".git")
    run = begin(journal, description="</p><img src=x> of /home/ann/x \x1b[31m", run="b" * 12)
    with Beating(journal, run, None) as beating:
        started = ask(server)[1]
        beating.show(Position(8.0, 20.0, 9.0, "step 123 loss 4.56 <b>"))
        answer, body = ask(server)

    assert '<progress value="0.000"' in started
    assert "<p>0% · 0.0/20 s</p>" in started
    assert "<p>Starting on a chip, 0 s so far</p>" in started
    assert body.count("<progress") == 1
    assert '<progress value="0.400"' in body
    assert "<p>40% · 8.0/20 s · step 123 loss 4.56 &lt;b&gt; · left 12 s</p>" in body
    assert "<p>Running on a chip, 9 s so far</p><p>At " in body
    tried = "&lt;/p&gt;&lt;img src=x&gt; of ~/x \\x1b[31m"
    assert f"<p><b>Run <code>{run.commit[:7]}</code></b> {tried}</p>" in body
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    after = ask(server)[1]
    assert "<progress" not in after
    assert IDLE in after


def test_a_page_without_a_run_says_that_none_goes_on(project):
    page = Pages(project.path / "bound.toml").read().decode()

    assert "<p>No run goes on.</p>" in page
    assert "<progress" not in page


@pytest.mark.parametrize("stale", ["killed", "ended"])
def test_what_is_left_of_a_run_that_ended_is_not_shown(server, project, recorded, stale):
    journal = Journal(project.path / ".git")
    facts = {"process": "of another process"} if stale == "killed" else {}
    run = begin(journal, run="b" * 12, **facts)
    with Beating(journal, run, None):
        assert ("<progress" in ask(server)[1]) == (stale == "ended")
        if stale == "ended":
            recorded("crash", run=run.run, commit=run.commit)
        body = ask(server)[1]

    assert "<progress" not in body
    assert IDLE in body


def test_a_damaged_journal_is_said(server, project):
    with Journal(project.path / ".git").path.open("a") as file:
        file.write("[]\n")

    answer, body = ask(server)

    assert answer.status == 500
    assert "not a record of a run" in body


def test_a_port_that_is_taken_is_an_error_with_a_way_out(server, ouro):
    status, out, err = ouro("watch", "--serve", str(server.server_port))

    assert (status, out) == (2, "")
    assert f"port {server.server_port} of 127.0.0.1 cannot be used" in err
    assert "help: let the system choose one: pytest-ouro watch --serve" in err
    assert ouro("watch", "--serve", "99999")[0] == 2


def test_the_command_prints_the_address_and_ctrl_c_ends_it(project, recorded):
    recorded("keep", 2.0, reason="baseline")
    words = [sys.executable, "-m", "pytest_ouro", "watch", "--serve"]
    with subprocess.Popen(
        words, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline().split()[-1]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"2.000000" in answer.read()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


#: Serve one request in place of a command, traced like `TRACED`.
SERVES = TRACED.replace(
    "pytest_ouro.cli.run(sys.argv[2:])",
    "from pytest_ouro.cli.watch.server import Pages; from pathlib import Path\n"
    "assert Pages(Path(sys.argv[2])).read()",
)


def test_nothing_is_written_and_nothing_is_locked(project, recorded):
    recorded("keep", 2.0, reason="baseline")
    command = [sys.executable, "-c", SERVES, str(project.path), str(project.path / "bound.toml")]

    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=True)

    assert [line for line in done.stdout.splitlines() if line.startswith("TRACED ")] == []
