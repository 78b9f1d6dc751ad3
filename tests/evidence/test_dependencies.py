import pytest

from pytest_ouro.evidence.dependencies import in_script, is_dependency_file, statements

PLACES = [
    ("pyproject.toml", "", True),
    ("pyproject.toml", "lab", True),
    ("lab/pyproject.toml", "lab", True),
    ("lab/requirements-gpu.txt", "lab/deep", True),
    ("laboratory/pyproject.toml", "lab", False),
    ("lab/deep/pyproject.toml", "lab", False),
    ("docs/requirements.txt", "", False),
    ("uv.lock", "", True),
    (".python-version", "lab", True),
    ("train.py", "", False),
    ("my-pyproject.toml", "", False),
    ("dev-requirements.txt", "", True),
    ("requirements/base.txt", "", True),
    ("lab/requirements/base.in", "lab", True),
    ("requirements/notes.md", "", False),
    ("docs/requirements/base.txt", "", False),
    ("pixi.toml", "", True),
    ("uv.toml", "", True),
]


@pytest.mark.parametrize(("path", "root", "expected"), PLACES)
def test_manifests_of_the_experiments_folder_and_above_count(path, root, expected):
    assert is_dependency_file(path, root) is expected


def test_names_are_normalised():
    assert statements("requirements.txt", b"Foo_Bar.baz == 1\n") == {"foo-bar-baz": "==1"}


def test_each_requirement_of_a_name_counts():
    text = b"six; python_version < '3'\nsix==2\n"

    assert statements("requirements.txt", text) == {"six": ";python_version<'3', ==2"}


def test_options_stay_whole():
    assert statements("requirements.txt", b"-r more.txt\n") == {"-r more.txt": ""}


def test_only_keys_that_decide_about_packages_are_read_from_pyproject():
    text = b"""
[project]
name = "x"
version = "1"
dependencies = ["six>=1"]
[tool.ruff]
line-length = 100
[tool.uv]
package = false
"""
    assert statements("pyproject.toml", text) == {"six (dependencies)": ">=1"}


@pytest.mark.parametrize("table", ["package", "packages"])
def test_packages_and_versions_are_read_from_a_lock(table):
    text = f'[[{table}]]\nname = "a"\nversion = "1"\n[[{table}]]\nname = "a"\nversion = "2"\n'
    name = "uv.lock" if table == "package" else "pylock.toml"

    assert statements(name, text.encode()) == {"a": "1, 2"}


UNREADABLE = [
    *(b"[project\n", b"project = 1\n", b"\xff\xfe\0"),
    *(b"[project]\ndependencies = 'six'\n", b"build-system = ['six']\n", b"tool.uv = 'x'\n"),
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_manifest_that_cannot_be_read_counts_line_by_line(text):
    found = statements("pyproject.toml", text)

    assert found
    assert all(key.startswith("line ") for key in found)


def test_a_lock_without_names_counts_line_by_line():
    assert "line version = '1'" in statements("uv.lock", b"[[package]]\nversion = '1'\n")
    assert statements("uv.lock", b"package = 'six'\n") == {"line package = 'six'": ""}


def test_requirements_are_read_from_a_block_of_comments_in_a_script():
    text = b"# /// script\n# requires-python = '>=3.12'\n# dependencies = ['six>1']\n#\n# ///\n"

    assert in_script(text.replace(b"\n", b"\r\n")) == {
        "six (dependencies)": ">1",
        "python": ">=3.12",
    }
    assert in_script(b"# /// script\n# dependencies = [\n# ///\n") == {"line dependencies = [": ""}
    assert in_script(b"# /// other\n# dependencies = ['six']\n# ///\n") == in_script(None) == {}


def test_other_files_count_line_by_line_without_comments():
    text = b"# why\n- numpy  # maths\r\n\n"

    assert statements("environment.yml", text) == {"line - numpy": ""}
