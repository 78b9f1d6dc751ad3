"""What git itself writes at checkout is the same content; nothing else is."""

import pytest

from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.git.attributes import as_committed
from pytest_ouro.evidence.git.client import Git

TEXT = "# $Id$\nNAME = 'grün'\n"
CONVERSIONS = {
    "ident": "ident",
    "ident and eol": "ident text eol=crlf",
    "utf-16": "text working-tree-encoding=UTF-16",
    "utf-16le": "text working-tree-encoding=UTF-16LE",
    "utf-16le-bom and eol": "text eol=crlf working-tree-encoding=UTF-16LE-BOM",
    "latin-1 and ident": "text ident working-tree-encoding=ISO-8859-1",
    "shift-jis": "text working-tree-encoding=cp932",
}


def broken(project):
    case = open_case(project.path / "bound.toml")
    try:
        return [result.id for result in check_all(case) if result.broken]
    finally:
        case.close()


def check_out(project):
    """Let git write table.txt, from the index, as the attributes say."""
    (project.path / "table.txt").unlink()
    project.git("checkout", "-q", "--", "table.txt")
    return (project.path / "table.txt").read_bytes()


@pytest.fixture
def frozen_table(project):
    """``frozen_table(attributes, text)``: the project with a frozen table.txt that git checks out
    as the attributes say, blessed and committed."""

    def freeze(attributes, text=TEXT):
        project.edit("bound.toml", 'paths = ["prepare.py"]\n\n', 'paths = ["table.txt"]\n\n')
        project.commit("a table", {"table.txt": text})
        project.write({".gitattributes": f"table.txt {attributes}\n"})
        project.git("add", ".gitattributes")  # the table stays as it is
        project.git("commit", "-q", "-m", "attributes")
        assert check_out(project) != text.encode()
        project.bless()
        return project

    return freeze


@pytest.mark.parametrize("name", CONVERSIONS)
def test_a_file_that_git_checked_out_by_attributes_holds(frozen_table, tmp_path, name):
    project = frozen_table(CONVERSIONS[name], TEXT.replace("ü", "表") if "jis" in name else TEXT)
    assert project.git("status", "--porcelain") == ""
    assert broken(project) == []

    check_out(project)
    assert broken(project) == []
    project.git("clone", "-q", ".", str(tmp_path / "clone"))
    assert broken(type(project)(tmp_path / "clone")) == []

    data = (project.path / "table.txt").read_bytes()
    for changed in (data + b"y\0", data + data[-4:], b"", data[2:]):
        (project.path / "table.txt").write_bytes(changed)
        assert "prepare" in broken(project)


def test_an_edited_file_in_another_encoding_holds_after_its_blessing(frozen_table):
    project = frozen_table(CONVERSIONS["utf-16le"])
    (project.path / "table.txt").write_bytes("one more\n".encode("utf-16-le"))
    project.bless()

    assert broken(project) == []


def test_an_edited_file_keeps_the_id_of_its_last_commit(frozen_table):
    project = frozen_table("ident")
    with (project.path / "table.txt").open("a") as file:
        file.write("x = 1\n")
    project.bless()

    assert project.git("status", "--porcelain") == ""
    assert broken(project) == []


def test_no_other_text_is_hidden_between_the_marks(frozen_table):
    project = frozen_table("ident")
    path = project.path / "table.txt"
    path.write_text(TEXT.replace("$Id$", "$Id: import os $"), encoding="utf-8")

    assert project.git("diff", "--stat") == ""  # git would call it the same
    assert "prepare" in broken(project)


def test_without_the_attribute_an_expanded_text_is_a_change(frozen_table):
    project = frozen_table("ident")
    project.commit("no attributes", {".gitattributes": "table.txt -ident\n"})
    project.bless()
    (project.path / "table.txt").write_text(TEXT.replace("$Id$", f"$Id: {'0' * 40} $"))

    assert "prepare" in broken(project)


def test_a_filter_of_the_repository_is_not_run(frozen_table, tmp_path):
    project = frozen_table("ident")
    project.write({".git/info/attributes": "table.txt filter=own\n"})
    for kind in ("clean", "smudge", "process"):
        project.git("config", f"filter.own.{kind}", f"touch {tmp_path / 'ran'}; cat")

    assert "prepare" in broken(project)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("encoding", ["idna", "rot13", "no-such", "unicode_escape", "UTF-16BE-BOM"])
def test_bytes_that_git_would_not_have_written_stay(project, encoding):
    project.write({".gitattributes": f"a.txt working-tree-encoding={encoding}\n"})
    git = Git.discover(project.path)

    for data in (b"\xff\xfea\0", b"\\x41\0", b"xn--a\0", b"\xfe\xff\xd8\0"):
        assert as_committed(git, "a.txt", data) == data


def test_without_attributes_git_is_not_asked(project, monkeypatch):
    git = Git.discover(project.path)
    monkeypatch.setattr(Git, "call", lambda *args: pytest.fail("git was called"))

    assert as_committed(git, "deep/a.txt", b"\0") == b"\0"
    project.write({"deep/.gitattributes": "* ident\n"})
    assert as_committed(git, "deep/a.txt", b"words") == b"words"


def test_rules_with_an_id_are_trusted_in_a_clone(project, tmp_path):
    text = (project.path / "bound.toml").read_text()
    project.write({".gitattributes": "*.toml ident\n", "bound.toml": f"# $Id$\n{text}"})
    project.bless()
    (project.path / "bound.toml").unlink()
    project.git("checkout", "-q", "--", "bound.toml")
    assert "$Id: " in (project.path / "bound.toml").read_text()

    assert broken(project) == []
    project.bless()
    assert broken(project) == []
