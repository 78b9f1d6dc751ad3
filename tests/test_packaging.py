"""What a package index and a release would have: links, extras, one version, few permissions."""

import re
from pathlib import Path

import pytest

from pytest_ouro.evidence import toml

ROOT = Path(__file__).parents[1]
PROJECT = toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))


def test_the_description_has_no_link_to_a_file():
    """As hatch-fancy-pypi-readme makes it; .ci/wheel looks at the result."""
    stated = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for one in stated["substitutions"]:
        text = re.sub(one["pattern"], one["replacement"], text)

    links = re.findall(r'\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"]+)"', text)
    assert links
    assert [a or b for a, b in links if not (a or b).startswith(("https://", "#"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_name_extras_and_groups_that_exist(page):
    text = page.read_text(encoding="utf-8")
    extras = re.findall(r"(?:pytest-ouro|'\.|\"\.)\[([\w,-]+)\]", text)
    groups = re.findall(r"--group (\w+)", text)

    project = PROJECT["project"]
    assert {one for names in extras for one in names.split(",")} <= {
        *project["optional-dependencies"]
    }
    assert {*groups} <= {*PROJECT["dependency-groups"]}


def test_the_version_has_one_place():
    version = re.escape(PROJECT["project"]["version"])
    stated = re.compile(rf"(?m)version.*\b{version}\b")
    files = [*ROOT.glob("pytest_ouro/**/*.py"), *ROOT.glob("docs/*.py")]

    assert [path for path in files if stated.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_only_the_publication_may_identify_itself(path):
    yaml = pytest.importorskip("yaml")
    text = path.read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]

    for used in re.findall(r"(?m)^ *-? ?uses: (\S+)", text):
        assert used.startswith("./") or re.search(r"@[0-9a-f]{40}$", used), used
    identified = {name for name, job in jobs.items() if "id-token" in job.get("permissions", {})}
    assert identified == ({"publish"} if path.name == "release.yml" else set())
    if identified:
        assert jobs["publish"]["environment"]["name"] == "pypi"
        assert all("run" not in step for step in jobs["publish"]["steps"])
