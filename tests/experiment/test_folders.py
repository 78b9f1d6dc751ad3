"""Temporary folders are removed, whatever they contain."""

import os

import pytest

from pytest_ouro.experiment.terms import temp_folders


@pytest.fixture
def nested(monkeypatch):
    """Fill a folder with nested folders, deeper than ``shutil.rmtree`` can follow."""

    def fill(folder):
        monkeypatch.chdir(folder)
        for _ in range(1500):
            os.mkdir("d")  # noqa: PTH102 - the whole path would be too long
            os.chdir("d")
        monkeypatch.undo()

    return fill


def test_a_temporary_folder_is_gone_however_deep_it_became(nested):
    with temp_folders.temporary() as folder:
        nested(folder)
    assert not folder.exists()


def test_a_folder_is_removed_however_deep_it_is(nested, tmp_path):
    nested(tmp_path)
    temp_folders.remove(tmp_path)
    assert not tmp_path.exists()


def test_a_folder_that_is_not_there_is_no_error(tmp_path):
    temp_folders.remove(tmp_path / "none")
    assert tmp_path.exists()
