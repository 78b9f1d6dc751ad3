"""Fetch the training shards of karpathy/autoresearch: python download.py 10

It stores the first 10 shards and the validation shard in ~/.cache/autoresearch/data, the folder of
the original. It resumes an interrupted download. A file is compared with the sha256 in the server's
SHA256SUMS, or with the one that the Hugging Face Hub sends; if neither is published, with its size.
Then:

    python prepare.py --data-dir ~/.cache/autoresearch/data
"""

import argparse
import hashlib
import http.client
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

URL = "https://huggingface.co/datasets/karpathy/climbmix-400b-shuffle/resolve/main"
FOLDER = Path.home() / ".cache" / "autoresearch" / "data"
LAST = 6542  # the shard for validation; those before it are for training
ATTEMPTS = 5
TIMEOUT = 30.0  # seconds without a byte
CHUNK = 2**20
LOST = (urllib.error.URLError, http.client.HTTPException, OSError)


@dataclass(frozen=True)
class Remote:
    """What a server states about a file."""

    url: str
    size: int
    version: str  # changes with the content
    sha256: str = ""  # "" if none is published


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, and keep the Hub's digest of the file, which only the first answer has."""

    linked = ""

    def redirect_request(self, *given: Any) -> Any:
        request, *_, headers, _ = given
        self.linked = self.linked or headers.get("X-Linked-ETag", "")
        further = super().redirect_request(*given)
        if further is not None:
            further.method = request.get_method()  # urllib would make a GET of a HEAD
        return further


def query(url: str, sums: dict[str, str]) -> Remote:
    """Return size, version and digest of a file, without fetching its content."""
    redirects = _Redirects()
    opener = urllib.request.build_opener(redirects)
    request = urllib.request.Request(url, method="HEAD")
    with opener.open(request, timeout=TIMEOUT) as answer:
        headers = answer.headers
    linked = (redirects.linked or headers.get("X-Linked-ETag", "")).strip('W/"')
    published = linked if re.fullmatch("[0-9a-f]{64}", linked) else ""
    version = linked or headers.get("ETag") or headers.get("Last-Modified", "")
    sha256 = sums.get(url.rpartition("/")[2], published)
    return Remote(url, int(headers["Content-Length"]), version, sha256)


def checksums(url: str) -> dict[str, str]:
    """Return the sha256 by file name, from the server's SHA256SUMS; empty if it has none."""
    try:
        with urllib.request.urlopen(f"{url}/SHA256SUMS", timeout=TIMEOUT) as answer:
            text = answer.read(CHUNK).decode("utf-8", "replace")
    except urllib.error.HTTPError:
        return {}
    return {name: digest for digest, name in re.findall(r"(?m)^([0-9a-f]{64}) [ *](\S+)$", text)}


def fetch(remote: Remote, target: Path) -> None:
    """Store a file under its name once it is complete; ValueError if its digest differs."""
    # The version is a part of the name, so that parts of two versions are never joined.
    version = hashlib.sha256(remote.version.encode()).hexdigest()[:12]
    part = target.with_name(f"{target.name}.{version}.part")
    while (have := part.stat().st_size if part.exists() else 0) < remote.size:
        _continue(remote, part, have)
    digest = sha256_of(part)
    if have != remote.size or (remote.sha256 and digest != remote.sha256):
        part.unlink()
        raise ValueError(
            f"received {have} bytes with sha256 {digest}, expected {remote.size} with "
            f"{remote.sha256 or 'an unknown one'}"
        )
    os.replace(part, target)


def _continue(remote: Remote, part: Path, have: int) -> None:
    """Fetch the missing bytes, or all if the server cannot continue."""
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(remote.url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise ValueError("the server continues at another byte than requested")
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if sys.stdout.isatty():
                    share = 100 * done // remote.size
                    print(f"\r{part.name.split('.')[0]} {share:3d} %", end="", flush=True)
    if done < remote.size:
        raise ConnectionError(f"the connection ended after {done} of {remote.size} bytes")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def shard(name: str, url: str, folder: Path, sums: dict[str, str]) -> str:
    """Fetch a shard into the folder unless it is there; return a description of what was done."""
    target = folder / name
    for attempt in range(1, ATTEMPTS + 1):
        try:
            remote = query(f"{url}/{name}", sums)
            if target.exists():
                if remote.sha256 in ("", sha256_of(target)):
                    return "already there"
                raise SystemExit(
                    f"{target} differs from the published file: remove it, then run again"
                )
            fetch(remote, target)
            checked = "sha256 as published" if remote.sha256 else "no sha256 is published"
            return f"{remote.size / 1e6:.1f} MB, {checked}"
        except (*LOST, ValueError) as error:
            gone = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if gone or attempt == ATTEMPTS:
                raise SystemExit(
                    f"{url}/{name} cannot be fetched: {error}; run again to resume"
                ) from None
            time.sleep(2**attempt)
    raise AssertionError("unreachable")


def main(arguments: Sequence[str]) -> None:
    """Fetch the shards that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", type=int, help="how many training shards (1 to 6542)")
    parser.add_argument("--url", default=URL, help="the folder on the server")
    parser.add_argument(
        "--to", type=Path, default=FOLDER, metavar="DIR", help="the folder to store them in"
    )
    options = parser.parse_args(arguments)
    if not 1 <= options.shards <= LAST:
        parser.error(f"shards must be 1 to {LAST}")
    if not re.match("https?://", options.url):
        parser.error("--url must begin with https:// or http://")
    url = options.url.rstrip("/")
    options.to.mkdir(parents=True, exist_ok=True)
    try:
        sums = checksums(url)
    except LOST as error:
        raise SystemExit(f"{url} cannot be reached: {error}") from None
    for number in (*range(options.shards), LAST):
        name = f"shard_{number:05d}.parquet"
        done = shard(name, url, options.to, sums)
        print("\r" * sys.stdout.isatty() + f"{name}: {done}", flush=True)
    print(f"Ready: python prepare.py --data-dir {options.to}")


if __name__ == "__main__":
    main(sys.argv[1:])
