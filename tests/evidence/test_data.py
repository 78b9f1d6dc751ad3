"""The names and digests of data files, which do not depend on where a machine has its folders."""

import pytest

from pytest_ouro.evidence import data
from pytest_ouro.evidence.data import Fingerprints

GLOBS = ("d/*.bin", "~/all/repo/*.txt", "~/.cache/*.bin", "../shared/*.bin")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """``machine(home, root)``: another machine with the same data; returns its root."""

    def machine(home, root):
        home, root = tmp_path / home, tmp_path / root
        monkeypatch.setenv("HOME", str(home))
        for file in ("d/1.bin", "d/2.bin", "../shared/a.bin"):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(file)
        for file in ("all/repo/notes.txt", ".cache/x.bin"):
            (home / file).parent.mkdir(parents=True, exist_ok=True)
            (home / file).write_text(file)
        return root

    return machine


def total(tmp_path, globs, root):
    return Fingerprints(tmp_path / "memory").total(globs, root)


def test_a_name_is_as_the_bound_states_it(machine):
    """Also where the working tree lies in the home folder, and a glob names a file in it by ~."""
    root = machine("home", "home/all/repo")
    names = ["../shared/a.bin", "d/1.bin", "d/2.bin", "~/.cache/x.bin", "~/all/repo/notes.txt"]

    found = data.names(GLOBS, root)

    assert [*found.values()] == names
    assert all(path.is_file() for path in found)


@pytest.mark.parametrize("place", [("other", "work/tree"), ("zz/home", "a/tree")])
def test_the_same_data_has_the_same_digest_on_every_machine(machine, tmp_path, place):
    here = total(tmp_path, GLOBS, machine("home", "home/all/repo"))

    there = total(tmp_path, GLOBS, machine(place[0], place[1]))

    assert there == here


def test_other_data_has_another_digest(machine, tmp_path):
    root = machine("home", "repo")
    before = total(tmp_path, GLOBS, root)
    (root / "d/2.bin").write_text("other")

    assert total(tmp_path, GLOBS, root) != before


def test_a_file_that_two_globs_match_has_one_name(machine, tmp_path):
    root = machine("home", "home/repo")

    found = data.names(("~/repo/d/1.bin", "d/*.bin", f"{root}/d/*.bin"), root)

    assert [*found.values()] == ["d/2.bin", "~/repo/d/1.bin"]


def test_the_digest_of_lines_does_not_depend_on_their_order(machine, tmp_path):
    known, root = Fingerprints(tmp_path / "memory"), machine("home", "repo")
    lines = known.lines(GLOBS, root)

    assert data.total_of(reversed(lines)) == data.total_of(lines) == known.total(GLOBS, root)


def test_a_lock_from_before_has_names_by_place(machine):
    root = machine("home", "home/repo")
    path = root / "d/1.bin"

    assert data.blessed_name(path, "~/repo/d/1.bin", root, {"d/1.bin"}) == "d/1.bin"
    assert data.blessed_name(path, "~/repo/d/1.bin", root, {"~/repo/d/1.bin", "d/1.bin"}) == (
        "~/repo/d/1.bin"
    )
    assert data.blessed_name(path, "~/repo/d/1.bin", root, set()) == "~/repo/d/1.bin"
    assert data.blessed_name(path, "", root, set()) == "d/1.bin"
