"""The end of a log, as ``show`` and the page have it: what a terminal shows, without secrets."""

import pytest

from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.report.html.text import cut_start
from pytest_ouro.report.runs.files import read_log_end

RUN = "0123456789ab"


@pytest.fixture
def end(tmp_path):
    """``end(text, raw=False)``: the end of a log with this text."""
    file = tmp_path / "ouro/runs" / f"{RUN}.log"
    file.parent.mkdir(parents=True)

    def end(text, *, raw=False):
        file.write_text(text, encoding="utf-8", newline="")
        return read_log_end(Journal(tmp_path), RUN, raw=raw)

    return end


def test_it_is_what_a_terminal_shows(end):
    assert end("") == end("\n \n") == []
    assert end("1 %\r99 %\r\n\x1b[31mred\x1b[0m\x00\n\ta tab\n") == ["99 %", "red", "\ta tab"]
    assert end("".join(f"{number}\n" for number in range(50)))[0] == "30"


def test_a_secret_is_hidden_whatever_is_around_it(end):
    secret = "ghp_" + "a1" * 18
    assert end(f"token \x1b[1mghp_\x1b[0m{secret[4:]}") == ["token <secret>"]
    assert end(f"{'x' * 300} {secret}\n") == [f"{'x' * 300} <secret>"]
    assert end(secret, raw=True) == [secret]


def test_a_secret_whose_start_is_not_read_is_hidden(end):
    assert end("ghp_" + "a1" * 5000 + " and\nmore\n") == ["… and", "more"]
    key = "-----BEGIN PRIVATE KEY-----\n" + f"{'A' * 64}\n" * 200 + "-----END PRIVATE KEY-----\n"
    assert end(f"{key}done\n") == ["<secret>", "done"]
    assert len(end(key, raw=True)) == 20


def test_of_a_long_log_the_end_is_shown():
    assert cut_start("the start, the end", 8) == "…the end"
    assert cut_start("the end", 7) == "the end"
