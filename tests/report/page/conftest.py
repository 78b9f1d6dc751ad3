"""Fixtures of the tests of the page: written nights as facts and as files, and a browser."""

from __future__ import annotations

import pytest

from pytest_ouro.report.page.collect import collect
from pytest_ouro.report.page.render import render
from pytest_ouro.report.page.source import read_source

from ...nights import Shape, write_night
from .browser import open_browser

#: The nights that a page must suit, by name.
SHAPES = {
    "night": Shape(runs=36, running=True),
    "empty": Shape(runs=0, certified=None),
    "one": Shape(runs=1, certified=None),
    "crashes": Shape(runs=8, only_crashes=True),
    "devices": Shape(runs=24, devices=3, certified=None),
    "metrics": Shape(runs=16, devices=2, metrics=2, certified=None),
}
MADE = "2026-10-25T12:00:00+00:00"


@pytest.fixture(scope="session")
def facts(tmp_path_factory):
    """``facts(name)``: the facts of a written night, which the first call writes."""
    known = {}

    def facts(name):
        if name not in known:
            folder = write_night(tmp_path_factory.mktemp(name), SHAPES[name])
            known[name] = collect(read_source(folder / "bound.toml"), made=MADE)
        return known[name]

    return facts


@pytest.fixture(scope="session")
def written(facts, tmp_path_factory):
    """``written(name)``: the path of the page of a written night."""
    folder = tmp_path_factory.mktemp("pages")

    def written(name):
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(render(facts(name)), encoding="utf-8")
        return path

    return written


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; without one, the test is skipped."""
    yield from open_browser()
