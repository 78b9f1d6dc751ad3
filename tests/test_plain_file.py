"""Files of a repository are opened and written without following a link below its top."""

import errno
import os
import resource
import stat
import subprocess
import sys

import pytest

from pytest_ouro.core.plain_file import open_plain, write_new, write_whole


@pytest.fixture
def tree(tmp_path):
    """A folder ``top``, and beside it the file ``victim`` and the folder ``other``."""
    (tmp_path / "top").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "victim").write_text("precious")
    return tmp_path


def test_a_file_is_made_with_its_folders_and_replaced(tree):
    write_whole(tree / "top", "a/b/file", b"one")
    assert (tree / "top/a/b/file").read_bytes() == b"one"
    (tree / "top/a/b/file").chmod(0o640)
    write_whole(tree / "top", "a/b/file", b"two")
    assert (tree / "top/a/b/file").read_bytes() == b"two"
    assert stat.S_IMODE((tree / "top/a/b/file").stat().st_mode) == 0o640
    assert [p.name for p in (tree / "top/a/b").iterdir()] == ["file"]


def test_new_files_replace_none_and_follow_no_link(tree):
    write_new(tree / "top", "a/b", {"one": b"1", "two": b"2"})
    assert {p.name: p.read_bytes() for p in (tree / "top/a/b").iterdir()} == {
        "one": b"1",
        "two": b"2",
    }
    with pytest.raises(FileExistsError):
        write_new(tree / "top", "a/b", {"one": b"other"})
    assert (tree / "top/a/b/one").read_bytes() == b"1"
    (tree / "top/folder").symlink_to(tree / "other")
    (tree / "top/a/link").symlink_to(tree / "victim")
    with pytest.raises(OSError, match="it is a link"):
        write_new(tree / "top", "folder", {"file": b"new"})
    with pytest.raises(FileExistsError):
        write_new(tree / "top", "a", {"link": b"new"})
    assert (tree / "victim").read_text() == "precious"
    assert not list((tree / "other").iterdir())


def test_a_link_is_replaced_and_not_followed(tree):
    (tree / "top/file").symlink_to(tree / "victim")
    write_whole(tree / "top", "file", b"new")
    assert (tree / "victim").read_text() == "precious"
    assert (tree / "top/file").read_bytes() == b"new"


def test_no_link_is_opened(tree):
    (tree / "top/file").symlink_to(tree / "victim")
    (tree / "top/folder").symlink_to(tree / "other")
    for name in ("file", "folder/file"):
        with pytest.raises(OSError, match="it is a link") as caught:
            open_plain(tree / "top", name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        assert caught.value.errno == errno.ELOOP
    with pytest.raises(OSError, match="it is a link"):
        write_whole(tree / "top", "folder/file", b"new")
    assert (tree / "victim").read_text() == "precious"
    assert not list((tree / "other").iterdir())


def test_a_pipe_or_folder_is_not_opened(tree):
    os.mkfifo(tree / "top/pipe")
    (tree / "top/folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match=r"regular file|directory"):
            open_plain(tree / "top", name, os.O_RDWR)


def test_a_full_disk_leaves_the_file_as_it_was(tree):
    (tree / "top/file").write_bytes(b"x" * 9000)
    code = (
        "import sys; from pathlib import Path; from pytest_ouro.core.plain_file import write_whole;"
        "write_whole(Path(sys.argv[1]), 'file', b'y' * 9000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tree / "top")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 1
    assert b"File too large" in done.stderr
    assert (tree / "top/file").read_bytes() == b"x" * 9000
    assert [p.name for p in (tree / "top").iterdir()] == ["file"]
