import pytest

from pytest_ouro.core.errors import TrustError
from pytest_ouro.evidence.lock import Lock, loads

DIGEST = "sha256:" + "0" * 64


def test_a_lock_is_read_as_it_was_written():
    lock = Lock("2026-01-01T00:00:00Z", {'odd "name" é\n.py': DIGEST, "train.py": DIGEST})

    assert loads(lock.dumps()) == lock


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
    "a digest is a number": '[files]\n"a.py" = 1\n',
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_lock_is_refused(text):
    with pytest.raises(TrustError, match=r"lab/bound\.lock is damaged") as caught:
        loads(text, name="lab/bound.lock")

    assert "pytest-ouro bless" in caught.value.help
