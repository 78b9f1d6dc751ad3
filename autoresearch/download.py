"""Fetch the training shards of karpathy/autoresearch: python download.py 10

Into its own folder, ~/.cache/autoresearch/data: the first 10 shards and the one for validation.
What an interruption left is continued. A file is checked against the sha256 in the server's
SHA256SUMS, or the one that the Hugging Face Hub sends; where neither is published, against its
size. Then:

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
    """What a server says of a file."""

    url: str
    size: int
    version: str  # changes with the content
    sha256: str = ""  # "" where none is published


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows, and keeps what only the first answer says: the Hub's own digest of the file."""

    linked = ""

    def redirect_request(self, *given: Any) -> Any:
        request, *_, headers, _ = given
        self.linked = self.linked or headers.get("X-Linked-ETag", "")
        further = super().redirect_request(*given)
        if further is not None:
            further.method = request.get_method()  # a HEAD stays one
        return further


def ask(url: str, sums: dict[str, str]) -> Remote:
    """Size, version and digest of a file, without its content."""
    redirects = _Redirects()
    opener = urllib.request.build_opener(redirects)
    request = urllib.request.Request(url, method="HEAD")
    with opener.open(request, timeout=TIMEOUT) as answer:
        said = answer.headers
    linked = (redirects.linked or said.get("X-Linked-ETag", "")).strip('W/"')
    published = linked if re.fullmatch("[0-9a-f]{64}", linked) else ""
    version = linked or said.get("ETag") or said.get("Last-Modified", "")
    sha256 = sums.get(url.rpartition("/")[2], published)
    return Remote(url, int(said["Content-Length"]), version, sha256)


def checksums(url: str) -> dict[str, str]:
    """sha256 by file name, from the server's SHA256SUMS; empty where it has none."""
    try:
        with urllib.request.urlopen(f"{url}/SHA256SUMS", timeout=TIMEOUT) as answer:
            text = answer.read(CHUNK).decode("utf-8", "replace")
    except urllib.error.HTTPError:
        return {}
    return {name: digest for digest, name in re.findall(r"(?m)^([0-9a-f]{64}) [ *](\S+)$", text)}


def fetch(remote: Remote, target: Path) -> None:
    """Store a file under its name once it is whole and right; else ValueError."""
    # The version is part of the name: parts of two versions are never put together.
    version = hashlib.sha256(remote.version.encode()).hexdigest()[:12]
    part = target.with_name(f"{target.name}.{version}.part")
    while (have := part.stat().st_size if part.exists() else 0) < remote.size:
        _continue(remote, part, have)
    digest = sha256_of(part)
    if have != remote.size or (remote.sha256 and digest != remote.sha256):
        part.unlink()
        raise ValueError(
            f"{have} bytes with sha256 {digest} came, {remote.size} with "
            f"{remote.sha256 or 'an unknown one'} were announced"
        )
    os.replace(part, target)


def _continue(remote: Remote, part: Path, have: int) -> None:
    """Fetch what is missing, or all where the server cannot continue."""
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(remote.url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        goes_on = answer.status == 206
        if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise ValueError("the server continues at another place than it was asked for")
        done = have if goes_on else 0
        with part.open("ab" if goes_on else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if sys.stdout.isatty():
                    share = 100 * done // remote.size
                    print(f"\r{part.name.split('.')[0]} {share:3d} %", end="", flush=True)
    if done < remote.size:
        raise ConnectionError(f"the connection ended after {done} of {remote.size} bytes")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def shard(name: str, url: str, folder: Path, sums: dict[str, str]) -> str:
    """See to it that a shard lies in the folder; what was done, in words."""
    target = folder / name
    for attempt in range(1, ATTEMPTS + 1):
        try:
            remote = ask(f"{url}/{name}", sums)
            if target.exists():
                if remote.sha256 in ("", sha256_of(target)):
                    return "already there"
                raise SystemExit(f"{target} is not the one published: remove it, then run again")
            fetch(remote, target)
            checked = "sha256 as published" if remote.sha256 else "no sha256 is published"
            return f"{remote.size / 1e6:.1f} MB, {checked}"
        except (*LOST, ValueError) as error:
            gone = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if gone or attempt == ATTEMPTS:
                raise SystemExit(
                    f"{url}/{name} cannot be fetched: {error}; run again to go on"
                ) from None
            time.sleep(2**attempt)
    raise AssertionError("unreachable")


def main(arguments: Sequence[str]) -> None:
    """Fetch the shards that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", type=int, help="how many training shards (1 to 6542)")
    parser.add_argument("--url", default=URL, help="where they lie")
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="DIR", help="where they go")
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
