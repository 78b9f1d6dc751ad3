"""download.py against a server on this machine that breaks off, lies and redirects."""

import hashlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SHARDS = {f"shard_{n:05d}.parquet": bytes([n % 251]) * 5000 for n in (0, 1, 6542)}


class Server(ThreadingHTTPServer):
    """Serves SHARDS; the fields say how it misbehaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(SHARDS)
        self.sums = "".join(
            f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in SHARDS.items()
        )
        self.ranges = True  # continues where it is asked to
        self.breaks = 0  # how many answers break off in the middle
        self.redirects = False  # as the Hub does: 302, with its digest
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        server, name = self.server, self.path.rpartition("/")[2]
        if name == "SHA256SUMS":
            data = server.sums.encode() if server.sums else None
        else:
            server.asked.append((self.command, name, self.headers.get("Range", "")))
            data = server.files.get(name)
        if data is None:
            return self.send_error(404)
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        if server.redirects and not self.path.startswith("/blob/"):
            self.send_response(302)
            self.send_header("Location", f"/blob/{name}")
            self.send_header("X-Linked-ETag", etag)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        start = 0
        if server.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", f'"{len(data)}-{data[:1].hex()}"')
        self.end_headers()
        if body and name != "SHA256SUMS" and server.breaks:
            server.breaks -= 1
            data = data[: start + 1500]
        if body:
            self.wfile.write(data[start:])
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def download(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """autoresearch/download.py, which waits for nothing."""
    path = Path(__file__).parents[2] / "autoresearch" / "download.py"
    spec = importlib.util.spec_from_file_location("download", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "download", module)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return module


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_shards_come_with_the_one_for_validation(
    download: ModuleType, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download.main(["2", "--url", server.url, "--to", str(tmp_path)])
    assert contents(tmp_path) == SHARDS
    assert capsys.readouterr().out.splitlines() == [
        *(f"{name}: 0.0 MB, sha256 as published" for name in SHARDS),
        f"Ready: python prepare.py --data-dir {tmp_path}",
    ]


def test_what_is_there_and_right_is_not_fetched_again(
    download: ModuleType, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        server.asked.clear()
        download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert {command for command, *_ in server.asked} == {"HEAD"}
    assert "shard_00000.parquet: already there" in capsys.readouterr().out


@pytest.mark.parametrize("ranges", [True, False], ids=["continues", "begins again"])
def test_a_connection_that_breaks_is_taken_up_again(
    download: ModuleType, server: Server, tmp_path: Path, ranges: bool
) -> None:
    server.breaks, server.ranges = 2, ranges
    download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert contents(tmp_path)["shard_00000.parquet"] == SHARDS["shard_00000.parquet"]
    gets = [
        asked for command, name, asked in server.asked if (command, name[6:11]) == ("GET", "00000")
    ]
    assert gets == ["", "bytes=1500-", "bytes=3000-" if ranges else "bytes=1500-"]
    assert not list(tmp_path.glob("*.part"))


def test_a_later_call_continues_an_earlier_one(
    download: ModuleType, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.breaks = 1
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with pytest.raises(SystemExit, match="after 1500 of 5000 bytes; run again to resume"):
        download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert [len(data) for data in contents(tmp_path).values()] == [1500]
    download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert ("GET", "shard_00000.parquet", "bytes=1500-") in server.asked
    assert contents(tmp_path) == {name: SHARDS[name] for name in SHARDS if "00001" not in name}


def test_parts_of_two_versions_are_not_put_together(
    download: ModuleType, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.breaks, server.sums = 1, ""
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with pytest.raises(SystemExit):
        download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    server.files["shard_00000.parquet"] = b"new" * 1000
    download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert contents(tmp_path)["shard_00000.parquet"] == b"new" * 1000


def test_a_file_that_is_not_the_published_one_is_never_stored(
    download: ModuleType, server: Server, tmp_path: Path
) -> None:
    server.files["shard_00000.parquet"] = b"x" * 5000
    with pytest.raises(SystemExit, match=r"00000\.parquet cannot be fetched: received 5000 bytes"):
        download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert contents(tmp_path) == {}


def test_another_file_of_that_name_is_not_touched(
    download: ModuleType, server: Server, tmp_path: Path
) -> None:
    mine = tmp_path / "shard_00000.parquet"
    mine.write_bytes(b"mine")
    with pytest.raises(SystemExit, match="differs from the published file: remove it"):
        download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("honest", [True, False])
def test_the_digest_of_the_hub_is_used(
    download: ModuleType,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    honest: bool,
) -> None:
    server.sums, server.redirects = "", True
    if not honest:
        digest_of = download.sha256_of
        monkeypatch.setattr(download, "sha256_of", lambda path: digest_of(path)[::-1])
        with pytest.raises(SystemExit, match=r"received .* expected "):
            download.main(["1", "--url", server.url, "--to", str(tmp_path)])
        return
    download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert "shard_06542.parquet: 0.0 MB, sha256 as published" in capsys.readouterr().out


def test_where_no_digest_is_published_it_is_said(
    download: ModuleType, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.sums = ""
    download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert "shard_00000.parquet: 0.0 MB, no sha256 is published" in capsys.readouterr().out


def test_on_a_terminal_there_is_a_percentage(
    download: ModuleType,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    download.main(["1", "--url", server.url, "--to", str(tmp_path)])
    assert "\rshard_00000 100 %\rshard_00000.parquet: " in capsys.readouterr().out


def test_a_shard_that_is_missing_is_named(
    download: ModuleType, server: Server, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"shard_00002\.parquet cannot be fetched: .* 404"):
        download.main(["3", "--url", server.url, "--to", str(tmp_path)])


def test_a_server_that_is_not_there_is_named(download: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        download.main(["1", "--url", "http://127.0.0.1:1", "--to", str(tmp_path)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["0"], "1 to 6542"), (["1", "--url", "file:///etc"], "must begin with https://")],
)
def test_bad_arguments_are_explained(
    download: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        download.main(arguments)
    assert message in capsys.readouterr().err
