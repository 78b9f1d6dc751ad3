import pytest

from pytest_ouro.core.errors import TrustError
from pytest_ouro.evidence.lock import Lock, loads

DIGEST = "sha256:" + "0" * 64


def test_a_lock_is_read_as_it_was_written():
    files = {'odd "name" é\n.py': DIGEST, "train.py": DIGEST}
    lock = Lock("2026-01-01T00:00:00Z", files, {"~/a.bin": DIGEST}, id="0" * 16, baseline="1" * 16)

    assert loads(lock.dumps()) == lock


def test_a_lock_without_version_id_and_baseline_is_read():
    lock = loads(f'blessed = "now"\n[files]\n"a.py" = "{DIGEST}"\n')

    assert (lock.files, lock.id, lock.baseline) == ({"a.py": DIGEST}, "", "")


def test_the_lock_of_a_later_version_is_refused():
    with pytest.raises(
        TrustError, match=r"bound\.lock was written by a later pytest-ouro"
    ) as caught:
        loads("version = 2\n[files]\n")

    assert caught.value.help == "pip install --upgrade pytest-ouro"


def test_files_are_sorted_so_that_a_diff_shows_only_changes():
    one = Lock("now", {"b.py": DIGEST, "a.py": DIGEST}).dumps()
    other = Lock("now", {"a.py": DIGEST, "b.py": DIGEST}).dumps()

    assert one == other
    assert one.endswith("\n")


DAMAGED = {
    "not TOML": "<<<<<<< HEAD\n",
    "empty": "",
    "no files": 'blessed = "now"\n',
    "files is not a table": 'files = "all"\n',
    "a digest is too short": '[files]\n"a.py" = "sha256:0000"\n',
    "a digest is too long": f'[files]\n"a.py" = "{DIGEST}0"\n',
    "a digest has another line": f'[files]\n"a.py" = "{DIGEST}\\n"\n',
    "a digest of another kind": f'[files]\n"a.py" = "md5:{"0" * 64}"\n',
    "an id is not hexadecimal": 'id = "../../etc/passwd"\n[files]\n',
    "a baseline is a number": "baseline = 1\n[files]\n",
    "a digest is a number": '[files]\n"a.py" = 1\n',
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_lock_is_refused(text):
    with pytest.raises(TrustError, match=r"lab/bound\.lock is damaged") as caught:
        loads(text, name="lab/bound.lock")

    assert "pytest-ouro bless" in caught.value.help
