"""The workflows for CI: their steps are run against a bare repository, as after real events."""

import base64
import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .workflows import Runner, evaluated

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
ZEROS = "0" * 40


def read(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


ACTION = read("action.yml")["runs"]["steps"]
WORKFLOW = read(".github/workflows/ouro-gate.yml")["jobs"]["ouro-gate"]["steps"]
PAGE = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
GPU_PAGE = (ROOT / "docs/own-gpu.md").read_text(encoding="utf-8")
AUDIT_PAGE = (ROOT / "docs/audit-ci.md").read_text(encoding="utf-8")
SNIPPETS = [yaml.safe_load(part.split("```")[0]) for part in PAGE.split("```yaml\n")[1:]]
GATE, REUSED, PEOPLE, SCANNING, GITLAB = SNIPPETS
[EXPERIMENT] = [yaml.safe_load(part.split("```")[0]) for part in GPU_PAGE.split("```yaml\n")[1:]]


AUDIT, COMMENT, GITLAB_AUDIT = (
    yaml.safe_load(part.split("```")[0]) for part in AUDIT_PAGE.split("```yaml\n")[1:]
)


def triggers(workflow):
    return workflow[True]  # YAML 1.1 reads the key `on` as a truth value


def test_the_reusable_workflow_has_the_inputs_of_the_action():
    action = read("action.yml")["inputs"]
    workflow = triggers(read(".github/workflows/ouro-gate.yml"))["workflow_call"]["inputs"]

    # A called job cannot have its caller's environment; its token is its own.
    assert action.keys() - {"environment", "head", "token"} == workflow.keys() - {
        *("revision", "source"),
    }
    for name in action.keys() & workflow.keys():
        assert action[name]["description"] == workflow[name]["description"]
        assert action[name]["default"] == workflow[name]["default"]


def test_the_page_shows_the_templates_of_the_audit():
    assert read("templates/github-audit.yml") == AUDIT
    assert read("templates/github-audit-comment.yml") == COMMENT
    assert (ROOT / GITLAB_AUDIT["include"][0]["file"]).is_file()


def test_the_audit_of_a_pull_request_cannot_write():
    assert list(triggers(AUDIT)) == ["pull_request"]
    assert AUDIT["permissions"] == {}
    [job] = AUDIT["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    assert [step["uses"].partition("@")[0] for step in job["steps"]] == [
        "OWNER/pytest-ouro/.github/actions/audit",
        "actions/upload-artifact",
    ]
    [_, run] = read(".github/actions/audit/action.yml")["runs"]["steps"]
    assert "checkout" not in str(run)


def test_the_job_that_posts_reads_the_artefact_alone():
    assert triggers(COMMENT)["workflow_run"]["workflows"] == [AUDIT["name"]]
    assert COMMENT["permissions"] == {}
    [job] = COMMENT["jobs"].values()
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert [step["uses"].partition("@")[0] for step in job["steps"]] == [
        "OWNER/pytest-ouro/.github/actions/comment"
    ]
    action = (ROOT / ".github/actions/comment/action.yml").read_text(encoding="utf-8")
    assert "uses:" not in action
    assert "github.event" not in action


@pytest.mark.parametrize("name", ["audit", "comment"])
def test_an_action_of_the_audit_installs_its_own_revision(name):
    steps = read(f".github/actions/{name}/action.yml")["runs"]["steps"]

    assert steps[0]["run"] == 'bash "$OURO_ACTION/../../install.sh"'
    assert (ROOT / ".github/actions" / name / "../../install.sh").is_file()
    assert "${{" not in "".join(step["run"] for step in steps)


def test_the_reusable_workflow_runs_the_action_that_it_fetched():
    [fetch, judge] = WORKFLOW

    assert judge["uses"] == "./ouro"
    assert judge["with"] == {name: f"${{{{ inputs.{name} }}}}" for name in judge["with"]}
    assert "git init --quiet ouro" in fetch["run"]


@pytest.mark.parametrize("revision", ["", "main", "abc", ZEROS])
def test_without_a_full_revision_nothing_is_fetched(revision, tmp_path):
    context = {"github": {"server_url": f"file://{tmp_path}"}, "inputs": {"revision": revision}}

    status, said = Runner(tmp_path / "runner", context).run(WORKFLOW[:1])

    assert status == 2
    assert "::error title=ouro could not judge::" in said
    assert "give its full id" in said


@pytest.fixture
def server(project, tmp_path):
    """The project's remote: a bare repository that serves any commit by its id."""
    path = tmp_path / "server/owner/lab"
    project.git("clone", "-q", "--bare", str(project.path), str(path))
    subprocess.run(["git", "config", "uploadpack.allowAnySHA1InWant", "true"], cwd=path, check=True)
    project.git("remote", "add", "origin", str(path))
    return path


@pytest.fixture
def judged(project, server, tmp_path):
    """``judged(event)``: the exit status, output and runner of the gate's job on GitHub."""

    def judged(event, sha="", **inputs):
        event = {"repository": {"default_branch": "main"}, **event}
        path = tmp_path / "event.json"
        path.write_text(json.dumps(event))
        inputs = {name.replace("_", "-"): value for name, value in inputs.items()}
        env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_SERVER_URL": f"file://{tmp_path}/server",
            "GITHUB_REPOSITORY": "owner/lab",
            "GITHUB_SHA": sha,
            "GITHUB_REF": "refs/heads/run",
        }
        runner = Runner(tmp_path / "runner", {"inputs": {"token": "a-token", **inputs}}, env)
        status, said = runner.run(ACTION[1:])
        return status, said, runner

    return judged


@pytest.fixture
def trust(project, server):
    commit = project.git("rev-parse", "HEAD")
    project.git("checkout", "-q", "-b", "run")
    return commit


def pull_request(project, trust):
    """Return the event of a pull request whose head is the pushed commit."""
    head = project.git("rev-parse", "HEAD")
    project.git("push", "-q", "origin", f"{head}:refs/pull/7/head")
    base = {"ref": "main", "sha": trust}
    return {"pull_request": {"number": 7, "head": {"sha": head}, "base": base}}


def better(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    return project.commit("a better model")


def widen(project):
    project.edit("prepare.py", "float(model)", "0.5 * float(model)")
    return project.commit("widen eval")


def test_an_honest_pull_request_is_green(project, trust, judged):
    better(project)

    status, said, runner = judged(pull_request(project, trust))

    assert status == 0, said
    assert f"ouro: lawful: 5 rules hold, 2 skipped, trust: {trust[:7]} (branch main)" in said
    assert "branch main at" in said
    assert "1 experiment touched" in said
    assert runner.summary.startswith("### ouro: lawful")
    assert json.loads(runner.file("ouro.sarif").read_text())["runs"][0]["results"] == []
    [suite] = ElementTree.parse(runner.file("ouro.xml")).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("7", "0", "2")


def test_an_edit_of_the_harness_is_red_everywhere(project, trust, judged):
    widen(project)

    status, said, runner = judged(pull_request(project, trust))

    assert status == 1
    text = (project.path / "prepare.py").read_text()
    line = text[: text.index("0.5 * ")].count("\n") + 1
    assert line > 1
    assert f"::error file=prepare.py,line={line},title=danger-zone%3A%3Aprepare::" in said
    assert "(branch main)%0A" in said
    assert (
        "| `danger-zone::prepare` | broken | prepare.py is the fixed harness. |" in runner.summary
    )
    assert runner.outputs["verdict"] == "broken"
    sarif = json.loads(runner.file("ouro.sarif").read_text())
    found = {result["ruleId"] for result in sarif["runs"][0]["results"]}
    assert {"danger-zone::prepare", "iron-law::only-train-py"} <= found
    suite = ElementTree.parse(runner.file("ouro.xml")).getroot()[0]
    failed = {case.get("name"): case[0].text for case in suite if case.find("failure") is not None}
    assert failed["prepare"].startswith("danger-zone::prepare BROKEN: prepare.py changed")


def test_a_change_of_everything_that_could_excuse_it_is_red(project, trust, judged, tmp_path):
    project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "x"')
    project.edit("prepare.py", "float(model)", "0.5 * float(model)")
    project.bless()
    ran = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    for name in ("conftest.py", "sitecustomize.py", "pytest_ouro/__init__.py", "setup.py"):
        project.write({name: ran})
    project.write({".github/workflows/ouro-gate.yml": "on: pull_request\njobs: {}\n"})
    project.commit("and what would run")

    status, said, _ = judged(pull_request(project, trust))

    assert status == 1
    assert "only-train-py BROKEN" in said
    assert "danger-zone::prepare BROKEN" in said
    assert not (tmp_path / "ran").exists()


def test_a_bad_commit_and_its_revert_are_red(project, trust, judged):
    project.edit("train.py", "import time\n", "import time\nimport numpy\n")
    project.commit("numpy")
    project.git("revert", "--no-edit", "HEAD")
    better(project)

    status, said, _ = judged(pull_request(project, trust))

    assert status == 1
    assert "add-dependencies BROKEN" in said
    assert "undone since" in said


@pytest.mark.parametrize("base", ["weak", "", "refs/heads/main", "--upload-pack=touch ran"])
def test_with_another_base_it_is_not_judged(project, trust, judged, base):
    better(project)
    event = pull_request(project, trust)
    event["pull_request"]["base"]["ref"] = base

    status, said, runner = judged(event)

    assert status == 2
    assert f"the pull request goes to '{base}', and only the rules of 'main' count" in said
    assert "::error title=ouro could not judge::" in said
    assert not (runner.folder / "ran").exists()
    assert runner.outputs == {"verdict": "unjudged"}
    assert judged(event, base_branch="main")[0] == 2


def test_a_stale_event_chooses_nothing(project, trust, judged):
    widen(project)
    stale = project.git("rev-parse", "HEAD")
    better(project)

    status, said, _ = judged(pull_request(project, stale))

    assert status == 1
    assert f"trust: {trust[:7]} (branch main)" in said


def test_a_trust_in_the_environment_has_no_say(project, trust, judged, monkeypatch):
    monkeypatch.setenv("OURO_TRUST", widen(project))

    assert judged(pull_request(project, trust))[0] == 1


@pytest.mark.parametrize("head", ["e" * 40, "", "main", ZEROS, "--upload-pack=touch ran"])
def test_a_head_that_is_not_there_is_not_judged(trust, judged, head):
    event = {"pull_request": {"head": {"sha": head}, "base": {"ref": "main"}}}

    status, said, runner = judged(event)

    assert status == 2
    assert runner.outputs == {"verdict": "unjudged"}
    assert "::error title=ouro could not judge::" in said


def test_nothing_to_judge_is_not_green(project, trust, judged):
    status, said, _ = judged(pull_request(project, trust))

    assert status == 2
    assert "the pull request has no commit that main lacks: there is nothing to judge" in said


def test_a_fork_s_commits_are_judged_too(project, trust, judged, server, tmp_path):
    fork = type(project)(tmp_path / "fork")
    project.git("clone", "-q", str(server), str(fork.path))
    widen(fork)

    status, said, _ = judged(pull_request(fork, trust))

    assert status == 1
    assert "danger-zone::prepare BROKEN" in said


@pytest.mark.parametrize(("work", "expected"), [(better, 0), (widen, 1)])
def test_a_group_of_the_merge_queue(project, trust, judged, work, expected):
    work(project)
    project.git("checkout", "-q", "-b", "queue", trust)
    project.git("merge", "-q", "--no-ff", "--no-edit", "run")
    head = project.git("rev-parse", "HEAD")
    project.git("push", "-q", "origin", "queue")

    group = {"head_sha": head, "base_sha": head, "base_ref": "refs/heads/main"}
    status, said, _ = judged({"merge_group": group})

    assert status == expected, said


def test_a_push_is_judged_from_where_it_left_the_protected_branch(project, trust, judged):
    widen(project)
    head = better(project)
    project.git("push", "-q", "origin", "run")
    push = {"ref": "refs/heads/run", "before": f"{head}~1", "after": head}

    assert judged(push)[0] == 1
    assert judged({"ref": "refs/heads/run", "after": ZEROS, "deleted": True})[0] == 2


def test_a_push_to_the_protected_branch_needs_a_named_commit(project, trust, judged):
    project.git("checkout", "-q", "main")
    bad = widen(project)
    head = better(project)
    project.git("push", "-q", "origin", "main")
    push = {"ref": "refs/heads/main", "before": bad, "after": head}

    status, said, _ = judged(push)
    assert status == 2
    assert "a push to 'main' itself" in said
    assert judged(push, trust=trust)[0] == 1
    assert judged(push, trust="main")[0] == 2


def test_a_bound_in_a_folder_is_named(project, judged, server):
    for name in ("prepare.py", "train.py", "pyproject.toml", "bound.toml"):
        (project.path / "lab").mkdir(exist_ok=True)
        project.git("mv", name, f"lab/{name}")
    trust = project.commit("move")
    project.git("push", "-q", "origin", "main")
    project.git("checkout", "-q", "-b", "run")
    project.edit("lab/prepare.py", "float(model)", "0.5 * float(model)")
    project.commit("widen eval")

    for bound in ("lab/bound.toml", "**/bound.toml"):
        status, said, _ = judged(pull_request(project, trust), bound=bound)

        assert status == 1
        assert "prepare BROKEN: lab/prepare.py changed" in said


def test_a_change_of_the_rules_is_shown_side_by_side(project, trust, judged):
    project.edit("bound.toml", "budget    = 0.3", "budget    = 9.0")
    project.bless()

    status, _, runner = judged(pull_request(project, trust))

    assert status == 1
    assert "| experiment.budget | 0.3 | 9.0 |" in runner.summary


def test_the_first_rules_are_not_judged(project, judged, server):
    for name in ("bound.toml", "bound.lock"):
        (project.path / name).unlink()
    none = project.commit("no rules")
    project.git("push", "-q", "origin", "main")
    project.git("revert", "--no-edit", "HEAD")

    status, said, runner = judged(pull_request(project, none))

    assert status == 2
    assert "has no bound.toml" in said
    assert runner.outputs == {"verdict": "unjudged"}


def test_what_no_rule_watches_touches_no_experiment(project, judged, server):
    project.edit("bound.toml", 'check = "scope"', 'check = "scope"\nwithin = "lab"')
    trust = project.commit("watch lab", {"lab/README.md": "x\n"})
    project.git("push", "-q", "origin", "main")
    project.commit("read me", {"README.md": "x\n"})

    status, said, runner = judged(pull_request(project, trust))

    assert status == 0, said
    assert "0 experiments touched" in said
    assert "0 experiments touched" in runner.summary
    project.commit("watched", {"lab/README.md": "y\n"})
    assert judged(pull_request(project, trust))[0] == 1


EVERY = [*ACTION, *WORKFLOW]
EVERY += [
    s for w in (GATE, PEOPLE, SCANNING, EXPERIMENT) for j in w["jobs"].values() for s in j["steps"]
]


def test_events_reach_the_shell_through_the_environment_alone():
    runs = [step["run"] for step in EVERY if "run" in step]

    assert len(runs) == 8
    assert not [run for run in runs if "pip install" in run]  # one script installs, from a lock
    assert not [run for run in runs if "${{" in run]


def test_nothing_is_used_but_this_action_at_a_full_commit():
    used = [step["uses"] for step in EVERY if "uses" in step and step["uses"] != "./ouro"]
    used += [job["uses"] for job in REUSED["jobs"].values()]

    assert len(used) == 4
    for name in used:
        repository, _, revision = name.partition("@")
        assert repository.startswith("OWNER/pytest-ouro")
        assert revision == ZEROS


@pytest.mark.parametrize("workflow", [GATE, REUSED, PEOPLE], ids=["action", "reusable", "people"])
def test_the_required_check_is_never_skipped_and_may_only_read(workflow):
    assert set(triggers(workflow)) == {"pull_request_target", "merge_group"}
    assert {"opened", "reopened", "synchronize", "edited"} <= {
        *triggers(workflow)["pull_request_target"]["types"]
    }
    assert workflow["permissions"] == {}
    [job] = workflow["jobs"].values()
    assert set(job["permissions"].values()) == {"read"}
    assert "contents" in job["permissions"]
    assert "if" not in job
    assert "strategy" not in job


def test_no_stranger_s_code_reaches_the_gpu():
    assert set(triggers(EXPERIMENT)) == {"workflow_dispatch", "push", "schedule"}
    [job] = EXPERIMENT["jobs"].values()
    assert job["if"].startswith("github.ref_protected && ")
    assert job["environment"] == "gpu"
    assert job["permissions"] == {"contents": "read"}


@pytest.mark.tier(2)
def test_the_experiment_job_runs_an_experiment(project, server, tmp_path):
    head = better(project)
    project.git("push", "-q", "origin", "main")
    fetch, install, experiment, keep = EXPERIMENT["jobs"]["experiment"]["steps"]
    script = fetch["run"].replace("OWNER/pytest-ouro", "owner/lab")
    fetch = {"env": {**fetch["env"], "OURO_REVISION": head}, "run": script}
    keep = {"env": {"OURO_KEPT": str(tmp_path / "kept")}, "run": keep["run"]}
    assert install["run"].endswith('/pytest-ouro/.github/install.sh"')
    github = {"server_url": f"file://{tmp_path}/server", "repository": "owner/lab", "sha": head}
    runner = Runner(tmp_path / "runner", {"github": {**github, "token": "a-token"}})

    status, said = runner.run([fetch, experiment, keep])

    assert status == 0, said
    assert said.splitlines()[-1].startswith("ouro: keep val_bpb=1.000000")
    assert 'name="status" value="keep"' in (tmp_path / "kept/ouro.xml").read_text()
    assert (tmp_path / "kept/ouro/journal.jsonl").is_file()


def test_findings_are_uploaded_as_code_scanning_wants_them(tmp_path):
    sarif = tmp_path / "ouro.sarif"
    sarif.write_text('{"runs": []}')
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "gh").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$RUNNER_TEMP/said"\n')
    (binaries / "gh").chmod(0o755)
    context = {
        "github": {
            "token": "a-token",
            "repository": "owner/lab",
            "event": {"pull_request": {"number": 7, "head": {"sha": "e" * 40}}},
        },
        "steps": {"gate": {"outputs": {"sarif": str(sarif)}}},
    }
    path = f"{binaries}:{os.environ['PATH']}"
    runner = Runner(tmp_path / "runner", context, {"PATH": path})
    [job] = SCANNING["jobs"].values()

    status, said = runner.run([job["steps"][1]])

    assert status == 0, said
    words = runner.file("said").read_text().splitlines()
    assert words[:3] == ["api", "repos/owner/lab/code-scanning/sarifs", "--silent"]
    assert f"commit_sha={'e' * 40}" in words
    assert "ref=refs/pull/7/head" in words
    assert words[-1] == f"sarif=@{runner.file('sarif.txt')}"
    packed = base64.b64decode(runner.file("sarif.txt").read_text())
    assert gzip.decompress(packed).decode() == '{"runs": []}'
    context["steps"] = {}
    assert Runner(tmp_path / "again", context, {"PATH": path}).run([job["steps"][1]])[0] == 2
    assert "head.repo.full_name == github.repository" in job["if"]


GITLAB_JOB = read("templates/gitlab-ci.yml")["ouro-gate"]


@pytest.fixture
def merge_request(project, server, tmp_path):
    """``merge_request(head, NAME=value)``: exit status, output and JUnit of GitLab's job."""

    def merge_request(head, **env):
        script = GITLAB_JOB["script"][0]
        start = script.index("export INPUT_BASE_BRANCH")
        env = {
            "GITLAB_CI": "true",
            "CI_REPOSITORY_URL": f"file://{server}",
            "CI_DEFAULT_BRANCH": "main",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED": "true",
            "CI_COMMIT_SHA": head,
            "CI_PROJECT_DIR": str(tmp_path),
            "OURO_BASE_BRANCH": "",
            "OURO_BOUND": "",
            **env,
        }
        runner = Runner(tmp_path / "runner", {}, env)
        status, said = runner.run([{"run": script[start:]}])
        junit = GITLAB_JOB["artifacts"]["reports"]["junit"]
        return status, said, ElementTree.parse(tmp_path / junit).getroot()[0]

    return merge_request


@pytest.mark.parametrize(("work", "expected"), [(better, 0), (widen, 1)])
def test_the_template_for_gitlab(project, trust, merge_request, work, expected):
    assert GITLAB_JOB["variables"]["GIT_STRATEGY"] == "none"
    head = work(project)
    project.git("push", "-q", "origin", "run")

    status, said, suite = merge_request(head)

    assert status == expected, said
    assert "(branch main)" in said
    assert suite.get("tests") == "7"
    assert (suite.get("failures") == "0") is (expected == 0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "weak", "goes to 'weak'"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED", "false", "not a protected branch"),
        ("CI_DEFAULT_BRANCH", "", "names no default branch"),
        ("CI_COMMIT_SHA", "e" * 40, "is not on file://"),
    ],
)
def test_a_merge_request_chooses_no_target(project, trust, merge_request, name, value, words):
    head = better(project)
    project.git("push", "-q", "origin", "run")

    status, said, suite = merge_request(head, **{name: value})

    assert status == 2
    assert words in said
    assert suite.get("errors") == "1"


def test_what_gitlab_includes_is_there():
    assert (ROOT / GITLAB["include"][0]["file"]).is_file()


@pytest.mark.usefixtures("on_the_path")
def test_the_command_for_anywhere_else(project, trust):
    [command] = [part.split("```")[0] for part in PAGE.split("```sh\n")[1:]]
    env = {"HEAD": better(project), "BASE": trust}

    runner = Runner(project.path.parent / "runner", {}, env)
    status, said = runner.run([{"run": f'cd "{project.path}"\n{command}'}])

    assert status == 0, said


@pytest.mark.tier(3)  # the tests of tests/ci install it in tier 2, and judge with it
def test_the_action_installs_itself(tmp_path):
    """Its first step, with a package registry; what it installs judges, and has no torch."""
    action = tmp_path / "action"
    shutil.copytree(
        ROOT / "pytest_ouro", action / "pytest_ouro", ignore=shutil.ignore_patterns("__pycache__")
    )
    (action / ".github").mkdir()
    names = ("pyproject.toml", "README.md", "LICENSE", "requirements-gate.lock")
    for name in (*names, "tests/evidence/typed_records.py", ".github/install.sh"):
        if not (ROOT / name).is_file():
            pytest.skip(f"{name} is not shipped with these tests")
        (action / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, action / name)
    runner = Runner(
        tmp_path / "runner",
        {"github": {"action_path": str(action)}, "inputs": {"python": "python3"}},
    )
    shutil.rmtree(runner.file("ouro"))

    status, said = runner.run(ACTION[:1])

    if "No matching distribution" in said or "NewConnectionError" in said:
        pytest.skip("no package registry can be reached")
    assert status == 0, said
    python = runner.file("ouro") / "bin/python"
    done = subprocess.run(
        [python, "-I", "-m", "pytest_ouro", "gate", "--help"], capture_output=True, check=False
    )
    assert done.returncode == 0
    [package] = runner.file("ouro").glob("lib/*/site-packages/pytest_ouro")
    assert not (package.parent / "torch").exists()


@pytest.fixture
def pieces(tmp_path):
    """A folder with each workflow, action and snippet, as in a repository."""
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    for path in (ROOT / ".github/workflows").iterdir():
        shutil.copy(path, folder)
    shutil.copy(ROOT / "action.yml", tmp_path)
    shutil.copytree(ROOT / ".github/actions", tmp_path / ".github/actions")
    text = PAGE + GPU_PAGE + AUDIT_PAGE
    parts = [part.split("```")[0] for part in text.split("```yaml\n")[1:]]
    for number, part in enumerate(parts):
        if "jobs:" in part:
            (folder / f"{number}.yml").write_text(part.replace(ZEROS, "e" * 40))
    return tmp_path


def find_tool(name):
    """The path of a linter, beside the tests' Python or on PATH; skips the test if it is absent."""
    beside = Path(sys.executable).with_name(name)
    if program := str(beside) if beside.exists() else shutil.which(name):
        return program
    return pytest.skip(f"{name} is not installed: not run")


@pytest.mark.parametrize("tool", ["zizmor", "actionlint"])
def test_no_tool_finds_fault_with_them(pieces, tool):
    program = find_tool(tool)
    files = sorted((pieces / ".github/workflows").iterdir())
    # The gate uses no cache, and servers that do not know the key for its limit refuse it.
    given = ["-ignore", "no explicit cache access limit", *files]
    if tool == "zizmor":
        given = ["--offline", "--persona=auditor", pieces]

    done = subprocess.run([program, *given], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_actionlint_finds_a_fault(pieces):
    program = find_tool("actionlint")
    workflow = pieces / ".github/workflows/ouro-gate.yml"
    workflow.write_text(workflow.read_text().replace("inputs.revision", "inputs.revisoin"))

    done = subprocess.run([program, workflow], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "revisoin" in done.stdout


def test_expressions_fall_back_from_left_to_right():
    context = {"a": {"b": ""}, "c": {"d": "x"}}

    assert evaluated("${{ a.b || e.f || c.d }}/${{ a.b }}", context) == "x/"
