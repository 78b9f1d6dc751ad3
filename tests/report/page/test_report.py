"""``pytest-ouro report``: which files it writes, and what it refuses."""

import pytest


@pytest.fixture
def report(ouro):
    """``report(*args)``: exit status, output and errors of ``pytest-ouro report``."""
    return lambda *args: ouro("report", *args)


def test_without_a_run_the_page_is_written_to_the_git_folder(project, report):
    status, out, err = report()

    page = project.path / ".git/ouro/report.html"
    assert (status, err) == (0, "")
    assert f"ouro: written: {page}" in out
    assert page.stat().st_mode & 0o077 == 0, "it is private"
    assert "No run is recorded yet" in page.read_text()
    assert project.git("status", "--porcelain") == ""


def test_a_named_page_is_written_there(project, report):
    assert report("night.html")[0] == 0
    assert (project.path / "night.html").read_text().startswith("<!doctype html>")


def test_a_name_with_another_ending_is_refused(project, report):
    status, _, err = report("night.html", "night.pdf")

    assert status == 2
    assert "night.pdf: its name ends in none of .html, .htm, .svg, .png" in err
    assert not (project.path / "night.html").exists(), "nothing is written"
