"""Pull requests on a real runner: the workflow of docs/ci.md under act, with each Python."""

from __future__ import annotations

import json
import shutil

import pytest

from .act import snippets
from .server import TOKEN
from .work import change_rules, improve, weaken, widen, widen_and_revert, write_readme

pytestmark = pytest.mark.tier(2)
EVENTS = ("pull_request_target", "pull_request")
WORKS = [(improve, "lawful"), (widen, "broken")]
#: Works that tier 3 alone tries with the second event.
FURTHER = [
    (widen_and_revert, "broken"),
    (weaken, "broken"),
    (write_readme, "broken"),  # the rule watches the whole repository
]


@pytest.mark.parametrize(
    ("event", "work", "verdict"),
    [
        *((event, *case) for event in EVENTS for case in WORKS),
        *((EVENTS[0], *case) for case in FURTHER),
        *(pytest.param(EVENTS[1], *case, marks=pytest.mark.tier(3)) for case in FURTHER),
    ],
)
def test_a_pull_request(lab, work, verdict, event):
    work(lab)

    workflow = snippets("docs/ci.md")[0].replace("pull_request_target", event)
    done = lab.judge(lab.request(), event, workflow=workflow)

    assert done.verdict == verdict, done.said
    assert done.job == ("success" if verdict == "lawful" else "failure")
    assert "(branch main)" in done.last
    assert "against branch main at " in done.summary
    results = json.loads(done.file("ouro.sarif").read_text())["runs"][0]["results"]
    assert bool(results) is (verdict == "broken")
    assert all("(branch main)" in result["message"]["text"] for result in results)
    assert bool(done.errors) is (verdict == "broken")
    assert all("(branch main)" in text for text in done.errors)
    assert not (lab.folder / "ran").exists()


@pytest.mark.parametrize(("work", "verdict"), [(improve, "lawful"), (widen, "broken")])
def test_one_from_a_fork(lab, work, verdict):
    lab.git("clone", "-q", str(lab.bare), str(lab.folder / "fork"))
    shutil.rmtree(lab.project.path)
    shutil.move(lab.folder / "fork", lab.project.path)
    lab.git("checkout", "-q", "-B", "topic")
    work(lab)

    request = lab.request()
    request["pull_request"]["head"]["repo"] = {"full_name": "stranger/lab", "fork": True}

    assert lab.judge(request).verdict == verdict


def test_one_with_a_base_of_its_own_also_when_it_is_retargeted(lab):
    lab.branch("weak")
    weaken(lab)
    lab.push("refs/heads/weak")
    lab.branch("topic", "weak")
    improve(lab)

    done = lab.judge(lab.request("weak"))
    assert (done.job, done.verdict) == ("failure", "unjudged"), done.said
    assert "goes to 'weak', and only the rules of 'main' count" in done.said
    assert done.outputs.get("sarif", "") == ""

    request = lab.request("main")
    done = lab.judge({**request, "action": "edited", "changes": {"base": {}}})
    assert (done.job, done.verdict) == ("failure", "broken"), done.said


def test_one_whose_base_moved_on_with_an_experiment(lab):
    improve(lab)
    stale = lab.request()  # it names the tip that main had
    lab.git("checkout", "-q", "main")
    lab.project.commit("theirs", {"train.py": "import time\nMODEL = 9.0\n"})
    lab.push("refs/heads/main")
    lab.git("checkout", "-q", "topic")

    for request in (stale, lab.request()):
        done = lab.judge(request)
        assert (done.job, done.verdict) == ("success", "lawful"), done.said


def test_one_whose_base_moved_on_with_the_rules(lab):
    improve(lab)
    lab.git("checkout", "-q", "main")
    moved = change_rules(lab)
    lab.push("refs/heads/main")
    lab.git("checkout", "-q", "topic")

    done = lab.judge(lab.request())
    assert (done.job, done.verdict) == ("failure", "unjudged")
    [error] = done.errors
    assert "the rules changed after this commit left the history of" in error
    assert f"rebase or merge, nothing else is asked: git fetch && git rebase {moved[:7]}" in error
    lab.git("rebase", "-q", moved)
    assert lab.judge(lab.request()).verdict == "lawful"


def test_an_empty_one(lab):
    done = lab.judge(lab.request())

    assert (done.job, done.verdict) == ("failure", "unjudged")
    assert "the pull request has no commit that main lacks" in done.said


def test_one_that_no_rule_watches(lab):
    lab.git("checkout", "-q", "main")
    lab.project.edit("bound.toml", 'check = "scope"', 'check = "scope"\nwithin = "docs"')
    lab.project.commit("watch docs", {"docs/x.md": "x\n"})
    lab.project.bless()
    lab.push("refs/heads/main")
    lab.branch()
    write_readme(lab)

    done = lab.judge(lab.request())
    assert (done.job, done.verdict) == ("success", "lawful"), done.said
    assert "0 experiments touched" in done.said
    assert "0 experiments touched" in done.summary
    lab.project.commit("watched", {"docs/x.md": "y\n"})
    assert lab.judge(lab.request()).verdict == "broken"


def test_hostile_names_subjects_and_branches(lab):
    lab.project.write({"a,line=9::b%0A::error::c\nd.py": "", "$(touch ran)`id`|<img>.py": ""})
    lab.project.commit("::stop-commands::x\n\n##[error]y ${{ github.token }} $(touch ran)")

    request = lab.request(title="$(touch ran) ${{ github.token }}")
    request["pull_request"]["head"]["ref"] = "$(touch${IFS}ran)::error::x"
    done = lab.judge(request)

    assert (done.job, done.verdict) == ("failure", "broken")
    # act reads up to the last "::" of a line, where GitHub reads up to the first.
    titles = {properties.get("title", "") for _, properties, _ in done.annotations}
    assert all(title.startswith("iron-law::only-train-py") for title in titles)
    assert not list(lab.folder.rglob("ran"))
    assert "<img>" not in done.summary


@pytest.mark.parametrize(
    ("token", "verdict", "words"),
    [
        (TOKEN, "lawful", "ouro: lawful"),
        ("bad-token", "unjudged", "refuses the token"),
    ],
)
def test_one_in_a_private_repository(lab, token, verdict, words):
    lab.repository = "private/lab"
    lab.git("clone", "-q", "--bare", str(lab.project.path), str(lab.bare))
    lab.git("-C", str(lab.bare), "config", "uploadpack.allowAnySHA1InWant", "true")
    improve(lab)

    done = lab.judge(lab.request(), token=token)

    assert done.verdict == verdict, done.said
    assert words in done.said


def test_a_head_that_is_gone(lab):
    improve(lab)
    request = lab.request()
    request["pull_request"]["head"]["sha"] = "e" * 40

    done = lab.judge(request)

    assert (done.job, done.verdict) == ("failure", "unjudged")
    assert "commit eeeeeee is not on" in done.said


def test_three_hundred_files_and_two_hundred_commits(lab):
    lab.project.commit("many", {f"many/{n}.py": f"x = {n}\n" for n in range(300)})
    for number in range(200):
        lab.git("commit", "-q", "--allow-empty", "-m", f"commit {number}")

    done = lab.judge(lab.request())

    assert (done.job, done.verdict) == ("failure", "broken")
    assert "300 files changed outside train.py" in done.said
    assert 0 < len(done.errors) <= 10


def test_two_bounds_in_one_check(lab):
    lab.git("checkout", "-q", "main")
    for folder in ("a", "b"):
        for name in ("prepare.py", "train.py", "bound.toml", "pyproject.toml"):
            lab.project.write({f"{folder}/{name}": (lab.project.path / name).read_text()})
        lab.project.edit(f"{folder}/bound.toml", 'check = "scope"', 'check = "scope"\nwithin = "."')
    for name in ("prepare.py", "train.py", "bound.toml", "bound.lock", "pyproject.toml"):
        (lab.project.path / name).unlink()
    lab.project.commit("two experiments")
    lab.push("refs/heads/main")
    lab.branch()
    inputs = 'bound: "**/bound.toml"'

    lab.project.edit("a/train.py", "MODEL = 2.0", "MODEL = 1.0")
    lab.project.commit("a better model")
    done = lab.judge(lab.request(), inputs=inputs)
    assert (done.job, done.verdict) == ("success", "lawful"), done.said
    assert "1 experiment touched" in done.said
    lab.project.edit("b/prepare.py", "float(model)", "0.5")
    lab.project.commit("widen eval")
    done = lab.judge(lab.request(), inputs=inputs)
    assert (done.job, done.verdict) == ("failure", "broken")
    assert "### ouro: b/bound.toml: broken" in done.summary
    assert "### ouro: a/bound.toml: lawful" in done.summary
