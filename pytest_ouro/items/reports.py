"""``pytest --ouro-report FILE``: write the page about the night at the end of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.report.page.source import read_source
from pytest_ouro.report.page.write import describe_written, write_report
from pytest_ouro.report.text import error_text
from pytest_ouro.report.unforeseen import to_error

if TYPE_CHECKING:
    from pytest_ouro.items.settings import Settings


def write_reports(session: pytest.Session, settings: Settings) -> list[str]:
    """Write the reports of a session, and return lines that name them. Nothing is raised: if one
    cannot be written, the line says why, and exit status 0 or 5 becomes 1. Under xdist, only the
    process that collects the results writes; [] in any other."""
    if hasattr(session.config, "workerinput"):
        return []
    try:
        source = read_source(settings.bound)
        return describe_written(source, write_report(source, settings.reports))
    except Exception as error:
        if session.exitstatus in (0, 5):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return [f"ouro: no report was written: {error_text(to_error(error))}"]
