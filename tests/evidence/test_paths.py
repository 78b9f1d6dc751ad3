import pytest

from pytest_ouro.evidence.paths import inside, join, matches

MATCHES = [
    ("train.py", "train.py", True),
    ("train.py", "Train.py", False),
    ("lab/train.py", "train.py", False),
    ("train.pyc", "train.py", False),
    ("xtrain.py", "train.py", False),
    ("train.py\n", "train.py", False),
    ("trainXpy", "train.py", False),
    ("a.py", "*.py", True),
    ("lab/a.py", "*.py", False),
    ("lab/a.py", "*/*.py", True),
    ("lab/deep/a.py", "*/*.py", False),
    ("a.py", "**/*.py", True),
    ("lab/deep/a.py", "**/*.py", True),
    ("lab/deep/a.py", "lab/**", True),
    ("lab", "lab/**", False),
    ("lab/deep/a.py", "lab/", True),
    ("laboratory/a.py", "lab/", False),
    ("a1.py", "a?.py", True),
    ("a/.py", "a?.py", False),
    ("[a].py", "[a].py", True),
    ("a.py", "[a].py", False),
    ("a+b.py", "a+b.py", True),
    ("été.py", "été.py", True),
]


@pytest.mark.parametrize(("path", "glob", "expected"), MATCHES)
def test_a_glob_names_a_path_or_not(path, glob, expected):
    assert matches(path, [glob]) is expected


def test_one_of_several_globs_is_enough():
    assert matches("b.py", ["a.py", "b.py"])
    assert not matches("b.py", [])


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("lab/a.py", "lab", True),
        ("lab", "lab", True),
        ("laboratory/a.py", "lab", False),
        ("a.py", "", True),
        ("a.py", "lab", False),
    ],
)
def test_a_path_lies_in_a_folder_or_not(path, folder, expected):
    assert inside(path, folder) is expected


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        ("", "train.py", "train.py"),
        ("lab", "train.py", "lab/train.py"),
        ("lab", "../train.py", "train.py"),
        ("lab/deep", "./a/../b.py", "lab/deep/b.py"),
        ("lab", "data/", "lab/data/"),
        ("lab", "..", ""),
        ("", "", ""),
        ("", "..train.py", "..train.py"),
    ],
)
def test_paths_are_read_from_the_top(folder, path, expected):
    assert join(folder, path) == expected


@pytest.mark.parametrize(
    ("folder", "path"),
    [("", ".."), ("", "../x"), ("lab", "../../x"), ("", "/etc/passwd"), ("lab", "a/../../../x")],
)
def test_a_path_outside_the_repository_is_refused(folder, path):
    with pytest.raises(ValueError, match="lies outside the repository"):
        join(folder, path)
