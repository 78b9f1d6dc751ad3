"""``pytest-ouro report`` and ``--ouro-report``: which files are written, and what is refused."""

import os

import pytest


@pytest.fixture
def report(ouro):
    """``report(*args)``: exit status, output and errors of ``pytest-ouro report``."""
    return lambda *args: ouro("report", *args)


def test_without_a_name_page_and_picture_are_written_to_the_git_folder(project, report):
    status, out, err = report()

    folder = project.path / ".git/ouro"
    page, picture = folder / "report.html", folder / "progress.svg"
    assert (status, err) == (0, "")
    assert out == f"ouro: written: {page}\nouro: written: {picture}\n"
    assert (page.stat().st_mode | picture.stat().st_mode) & 0o077 == 0, "they are private"
    assert "No run is recorded yet" in page.read_text()
    assert "No run is recorded yet" in picture.read_text()
    assert project.git("status", "--porcelain") == ""


def test_a_name_says_what_is_written(project, report):
    assert report("night.html", "night.svg")[0] == 0
    assert (project.path / "night.html").read_text().startswith("<!doctype html>")
    assert (project.path / "night.svg").read_text().startswith("<svg ")
    assert not (project.path / ".git/ouro").exists()


def test_a_name_with_another_ending_is_refused(project, report):
    status, _, err = report("night.html", "night.pdf")

    assert status == 2
    assert "night.pdf: its name ends in none of .html, .htm, .svg, .png" in err
    assert not (project.path / "night.html").exists(), "nothing is written"


def test_a_pipe_of_that_name_stays(project, report):
    os.mkfifo(project.path / "night.html")
    status, _, err = report("night.html")

    assert (status, "night.html: it is not a regular file" in err) == (2, True)
    assert (project.path / "night.html").is_fifo()


def test_a_page_that_would_close_the_gate_is_said(project, report):
    _, out, _ = report("night.html")
    assert "ouro: new to git: night.html: a rule of scope refuses the next run" in out
    assert project.pytest("bound.toml", "-q").returncode == 1
    (project.path / "night.html").unlink()

    with (project.path / ".git/info/exclude").open("a") as file:
        file.write("ignored.html\n")
    for words in ((), ("ignored.html",), ("../night.html",)):
        assert "new to git" not in report(*words)[1]


def test_a_file_that_cannot_be_written_is_an_error(report):
    status, _, err = report("absent/night.html")

    assert status == 2
    assert "absent/night.html: No such file or directory" in err


def test_a_png_needs_the_library(report, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cairosvg", None)
    status, _, err = report("night.png")

    assert status == 2
    assert "needs CairoSVG" in err
    assert "help: write it as .svg" in err


def test_only_a_page_is_opened(report):
    status, _, err = report("--open", "night.svg")

    assert status == 2
    assert "--open shows the page" in err


def test_without_a_browser_the_file_is_named(project, report, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    status, _, err = report("--open", "night.html")

    assert status == 2
    assert "no browser can be started here for night.html" in err
    assert (project.path / "night.html").exists()


def test_a_session_writes_reports_at_its_end(project, run_pytest):
    result = run_pytest("bound.toml", "-q", "--ouro-report", "n.html", "--ouro-report", "n.svg")

    assert result.ret == 0
    result.stdout.fnmatch_lines([f"ouro: written: {project.path / 'n.html'}"])
    assert (project.path / "n.html").exists()
    assert (project.path / "n.svg").exists()


def test_the_last_line_of_a_run_stays_the_last(project):
    done = project.pytest("--ouro-experiment", "-q", "--ouro-report", "n.html")

    last = done.stdout.rstrip().splitlines()[-1]
    assert last.startswith("ouro: keep val_bpb=2.000000 "), done.stdout
    page = (project.path / "n.html").read_text()
    assert "No gain: nothing is kept but the baseline" in page
    assert "2.000000" in page


@pytest.mark.parametrize(
    ("name", "why"), [("n.pdf", "ends in none of"), ("absent/n.html", "there is no folder")]
)
def test_a_session_refuses_a_report_before_it_starts(run_pytest, name, why):
    result = run_pytest("bound.toml", "--ouro-report", name)

    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*{why}*"])


def test_a_report_that_fails_fails_the_session(project, run_pytest):
    (project.path / ".git/ouro").mkdir()
    (project.path / ".git/ouro/journal.jsonl").write_text("no record\n")
    result = run_pytest("bound.toml", "-q", "--ouro-report", "n.html")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ouro: no report was written: *journal.jsonl*"])
