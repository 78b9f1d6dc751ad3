from __future__ import annotations

import dataclasses
import shutil

import pytest


@pytest.fixture(scope="session")
def templates():
    """The first project that was made here, kept to be copied."""
    return []


@pytest.fixture
def project(request, templates, tmp_path, tmp_path_factory):
    """The toy experiment; made once, then copied, because these tests are many."""
    if not templates:
        made = request.getfixturevalue("project")
        kept = tmp_path_factory.mktemp("template") / "project"
        shutil.copytree(made.path, kept, symlinks=True)
        templates.append(dataclasses.replace(made, path=kept))
        return made
    path = tmp_path / "project"
    shutil.copytree(templates[0].path, path, symlinks=True)
    copy = dataclasses.replace(templates[0], path=path)
    copy.git("update-index", "-q", "--refresh")
    return copy
