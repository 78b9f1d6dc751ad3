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
SNIPPETS = [yaml.safe_load(part.split("```")[0]) for part in PAGE.split("```yaml\n")[1:]]
GATE, REUSED, SCANNING, EXPERIMENT, GITLAB = SNIPPETS
FORMS = {"action": ACTION, "workflow": WORKFLOW}


def triggers(workflow):
    return workflow[True]  # YAML 1.1 reads the key `on` as a truth value


def test_the_reusable_workflow_has_the_inputs_of_the_action():
    action = read("action.yml")["inputs"]
    workflow = triggers(read(".github/workflows/ouro-gate.yml"))["workflow_call"]["inputs"]

    assert action.keys() - {"token"} == workflow.keys() - {"install"}
    for name in action.keys() & workflow.keys():
        assert action[name]["description"] == workflow[name]["description"]
        assert action[name]["default"] == workflow[name]["default"]


@pytest.mark.parametrize("form", FORMS)
def test_the_gate_is_installed_by_the_named_interpreter(form, tmp_path):
    install = FORMS[form][0]
    assert install["env"]["OURO_PYTHON"] == "${{ inputs.python }}"
    assert '"$OURO_PYTHON" -m venv' in install["run"]


@pytest.fixture
def server(project, tmp_path):
    """The project's remote: a bare repository that serves any commit by its id."""
    path = tmp_path / "server/owner/lab"
    project.git("clone", "-q", "--bare", str(project.path), str(path))
    subprocess.run(["git", "config", "uploadpack.allowAnySHA1InWant", "true"], cwd=path, check=True)
    project.git("remote", "add", "origin", str(path))
    return path


@pytest.fixture(params=FORMS)
def judged(request, project, server, tmp_path):
    """``judged(event)``: the exit status, output and runner of the gate's job."""

    def judged(event, sha="", **inputs):
        github = {
            "server_url": f"file://{tmp_path}/server",
            "repository": "owner/lab",
            "token": "a-token",
            "sha": sha,
            "event": event,
        }
        runner = Runner(tmp_path / "runner", {"github": github, "inputs": inputs})
        status, said = runner.run(FORMS[request.param][1:])
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
    return {"pull_request": {"number": 7, "head": {"sha": head}, "base": {"sha": trust}}}


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
    assert f"ouro: lawful: 5 rules hold, 2 skipped, trust: {trust[:7]} (--trust)" in said
    assert runner.summary.startswith("### ouro: lawful")
    assert json.loads(runner.file("ouro.sarif").read_text())["runs"][0]["results"] == []
    [suite] = ElementTree.parse(runner.file("ouro.xml")).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("7", "0", "2")


def test_an_edit_of_the_harness_is_red_everywhere(project, trust, judged):
    widen(project)

    status, said, runner = judged(pull_request(project, trust))

    assert status == 1
    assert "::error file=prepare.py,line=1,title=danger-zone%3A%3Aprepare::" in said
    assert "| `danger-zone::prepare` | broken |" in runner.summary
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


@pytest.mark.parametrize("base", ["", "f" * 40, ZEROS, "--upload-pack=touch ran", "main"])
def test_without_its_base_it_is_not_judged(project, trust, judged, base):
    better(project)

    status, said, runner = judged(pull_request(project, base))

    assert status == 2
    assert "::error title=ouro could not judge::" in said
    assert not (runner.folder / "ran").exists()


def test_a_head_that_is_not_there_is_not_judged(trust, judged):
    event = {"pull_request": {"head": {"sha": "e" * 40}, "base": {"sha": trust}}}

    assert judged(event)[0] == 2


def test_nothing_to_judge_is_not_green(project, trust, judged):
    status, said, _ = judged(pull_request(project, trust))

    assert status == 2
    assert "nothing to judge" in said


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

    status, said, _ = judged({"merge_group": {"head_sha": head, "base_sha": trust}})

    assert status == expected, said


def test_a_push_is_judged_from_where_the_branch_was(project, trust, judged):
    head = better(project)
    project.git("push", "-q", "origin", "run")

    assert judged({"before": trust}, sha=head)[0] == 0


def test_a_bound_in_a_folder_is_named(project, judged, server):
    for name in ("prepare.py", "train.py", "pyproject.toml", "bound.toml"):
        (project.path / "lab").mkdir(exist_ok=True)
        project.git("mv", name, f"lab/{name}")
    trust = project.commit("move")
    project.edit("lab/prepare.py", "float(model)", "0.5")
    project.commit("widen eval")

    status, said, _ = judged(pull_request(project, trust), bound="lab/bound.toml")

    assert status == 1
    assert "prepare BROKEN: lab/prepare.py changed" in said


def test_action_and_workflow_run_the_same_commands():
    assert [step["run"] for step in ACTION[1:]] == [step["run"] for step in WORKFLOW[1:]]


EVERY = [*ACTION, *WORKFLOW]
EVERY += [s for w in (GATE, SCANNING, EXPERIMENT) for j in w["jobs"].values() for s in j["steps"]]


def test_events_reach_the_shell_through_the_environment_alone():
    runs = [step["run"] for step in EVERY if "run" in step]

    assert len(runs) == 8
    assert not [run for run in runs if "${{" in run]


def test_nothing_is_used_but_this_action_at_a_full_commit():
    used = [step["uses"] for step in EVERY if "uses" in step]
    used += [job["uses"] for job in REUSED["jobs"].values()]

    assert len(used) == 3
    for name in used:
        repository, _, revision = name.partition("@")
        assert repository.startswith("OWNER/pytest-ouro")
        assert revision == ZEROS


@pytest.mark.parametrize("workflow", [GATE, REUSED], ids=["action", "reusable"])
def test_the_required_check_is_never_skipped_and_may_only_read(workflow):
    assert set(triggers(workflow)) == {"pull_request_target", "merge_group"}
    assert not any(triggers(workflow).values())
    assert workflow["permissions"] == {}
    [job] = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    assert "if" not in job
    assert "strategy" not in job


def test_the_readme_shows_the_same_check():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [shown] = [yaml.safe_load(part.split("```")[0]) for part in text.split("```yaml\n")[1:]]

    assert set(triggers(shown)) == set(triggers(GATE))
    for key in ("runs-on", "permissions", "steps"):
        assert shown["jobs"]["ouro-gate"][key] == GATE["jobs"]["ouro-gate"][key]


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
    github = {"server_url": f"file://{tmp_path}/server", "repository": "owner/lab", "sha": head}
    runner = Runner(tmp_path / "runner", {"github": {**github, "token": "a-token"}})
    fetch, install, experiment = EXPERIMENT["jobs"]["experiment"]["steps"]
    assert install["run"].endswith("pytest-ouro==0.1.0\n")

    status, said = runner.run([fetch, experiment])

    assert status == 0, said
    assert said.splitlines()[-1].startswith("ouro: keep val_bpb=1.000000")
    assert 'name="status" value="keep"' in runner.file("ouro.xml").read_text()


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
    assert "head.repo.full_name == github.repository" in job["if"]


@pytest.mark.parametrize(("work", "expected"), [(better, 0), (widen, 1)])
def test_the_template_for_gitlab(project, trust, server, tmp_path, work, expected):
    [(name, job)] = read("templates/gitlab-ci.yml").items()
    assert name == "ouro-gate"
    assert job["variables"]["GIT_STRATEGY"] == "none"
    head = work(project)
    project.git("push", "-q", "origin", "run")
    [script] = job["script"]
    install = [line for line in script.splitlines() if "venv" in line or "pip" in line]
    assert len(install) == 2
    for line in install:
        script = script.replace(f"{line}\n", "")
    script = script.replace('"$folder/ouro/bin/python"', f'"{sys.executable}"')
    env = {
        "CI_REPOSITORY_URL": f"file://{server}",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_COMMIT_SHA": head,
        "CI_PROJECT_DIR": str(tmp_path),
        "OURO_BOUND": "",
    }

    status, said = Runner(tmp_path / "runner", {}, env).run([{"run": script}])

    assert status == expected, said
    suite = ElementTree.parse(tmp_path / job["artifacts"]["reports"]["junit"]).getroot()[0]
    assert suite.get("tests") == "7"
    assert (suite.get("failures") == "0") is (expected == 0)


def test_what_gitlab_includes_is_there():
    assert (ROOT / GITLAB["include"][0]["file"]).is_file()


@pytest.mark.usefixtures("on_the_path")
def test_the_command_for_anywhere_else(project, trust):
    [command] = [part.split("```")[0] for part in PAGE.split("```sh\n")[1:]]
    env = {"HEAD": better(project), "BASE": trust}

    runner = Runner(project.path.parent / "runner", {}, env)
    status, said = runner.run([{"run": f'cd "{project.path}"\n{command}'}])

    assert status == 0, said


@pytest.mark.tier(2)
def test_the_action_installs_itself(tmp_path):
    """Its first step, with a package registry; what it installs judges, and has no torch."""
    action = tmp_path / "action"
    shutil.copytree(
        ROOT / "pytest_ouro", action / "pytest_ouro", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.lock"):
        if not (ROOT / name).is_file():
            pytest.skip(f"{name} is not shipped with these tests")
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
    assert (package / "cli/github.sh").is_file()
    assert not (package.parent / "torch").exists()


def test_no_tool_finds_fault_with_them(tmp_path):
    zizmor = Path(sys.executable).with_name("zizmor")
    if not zizmor.exists():
        pytest.skip("zizmor is not installed")
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / ".github/workflows/ouro-gate.yml", folder)
    shutil.copy(ROOT / "action.yml", tmp_path)
    parts = [part.split("```")[0] for part in PAGE.split("```yaml\n")[1:]]
    for number, part in enumerate(parts):
        if "jobs:" in part:
            (folder / f"{number}.yml").write_text(part.replace(ZEROS, "e" * 40))

    done = subprocess.run(
        [zizmor, "--offline", "--persona=auditor", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def test_expressions_fall_back_from_left_to_right():
    context = {"a": {"b": ""}, "c": {"d": "x"}}

    assert evaluated("${{ a.b || e.f || c.d }}/${{ a.b }}", context) == "x/"
