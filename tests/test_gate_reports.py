"""The gate's output for programs: GitHub's annotations and summary, SARIF, JSON, JUnit."""

import json
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

COMMAND = re.compile(r"::(error|warning|notice) (?:file=(.*?),line=(\d+),)?title=(.*?)::(.*)\Z")


def commands(out):
    """Return the workflow commands that a runner would execute, stripped as it strips them."""
    return [line.strip() for line in out.splitlines() if line.strip().startswith("::")]


def test_a_finding_is_annotated_where_it_is(project, gate):
    project.edit("train.py", "import time\n", "import time\nimport numpy\n")
    project.edit("prepare.py", "float(model)", "0.5")

    status, out, _ = gate("--github")

    assert status == 1
    found = [COMMAND.match(command).groups() for command in commands(out)]
    assert {(kind, file, line) for kind, file, line, *_ in found} == {
        ("error", "prepare.py", "1"),
        ("error", "train.py", "2"),
    }
    [numpy] = [groups for groups in found if groups[1] == "train.py"]
    assert numpy[3] == "never-do%3A%3Aadd-dependencies"
    assert numpy[4].startswith("train.py:2 imports numpy, which no trusted dependency provides%0A")


def test_a_lawful_experiment_has_no_annotation(gate):
    status, out, _ = gate("--github")

    assert status == 0
    assert commands(out) == []
    assert out.startswith("ouro: lawful: ")


def test_a_name_cannot_end_an_annotation_or_begin_another(project, gate):
    project.write({"a,line=9::b%0A::error::c\nd:e.py": "", "::stop-commands::x": ""})

    status, out, _ = gate("--github")

    assert status == 1
    for command in commands(out):
        _, file, line, title, message = COMMAND.match(command).groups()
        assert line == "1"
        assert not set(file + title) & set(":,\n\r")
        assert title == "iron-law%3A%3Aonly-train-py"
        assert "2 files changed outside train.py" in message
    assert "stop-commands" not in "".join(c for c in commands(out) if not c.startswith("::error"))


@pytest.mark.parametrize("how", [(), ("--github",)])
def test_no_line_of_ours_is_a_command_of_somebody_else(project, gate, how):
    project.write({"::stop-commands::x": "", "##[error]y": "", "z": ""})

    _, out, _ = gate(*how)

    assert [c for c in commands(out) if not c.startswith("::error file=")] == []
    assert not [line for line in out.splitlines() if "##[" in line and line[:2] != "::"]


def test_the_most_important_ten_are_shown(project, gate):
    names = [f"requirements{n}.txt" for n in range(30)]
    project.write(dict.fromkeys(names, "numpy\n"))
    project.edit("prepare.py", "float(model)", "0.5")

    _, out, _ = gate("--github")

    titles = [COMMAND.match(command)[4].rpartition("%3A")[2] for command in commands(out)]
    assert len(titles) == 10
    assert titles[:4] == ["prepare", "modify-prepare", "add-dependencies", "only-train-py"]
    assert set(titles[4:]) == {"add-dependencies"}


def test_a_warning_is_not_an_error(project, gate):
    project.edit(
        *("bound.toml", 'check = "scope"'),
        'check = "scope"\nseverity = "warn"\nreason = "the move is not finished"',
    )
    project.bless()
    project.write({"helper.py": ""})

    status, out, _ = gate("--github")

    assert status == 0
    [command] = commands(out)
    assert command.startswith("::warning file=helper.py,line=1,")


def test_the_summary_is_a_table_of_all_rules(project, gate, monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    project.write({"a|b<img src=x>`c`.py": ""})

    gate("--github")

    text = summary.read_text()
    assert text.startswith("before\n### ouro: broken\n")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == 7
    assert rows[0].startswith(
        "| `iron-law::only-train-py` | broken | Only train.py is modified. | a\\|b&lt;img src=x&gt;"
    )
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 8 for row in rows)


def test_the_summary_stays_below_what_is_shown(project, gate, monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("x" * 899_900 + "\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    gate("--github")

    assert summary.stat().st_size < 1_000_000
    assert summary.read_text().endswith("The summary is too long: the log has all of it.\n")


def test_what_cannot_be_judged_is_annotated_too(project, gate, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))

    status, out, _ = gate("--github", "--trust", "nowhere")

    assert status == 2
    [command] = commands(out)
    assert command.startswith("::error title=ouro could not judge::--trust names 'nowhere'")
    assert "could not judge" in (tmp_path / "summary.md").read_text()


def demand_sarif(log):
    """What SARIF 2.1.0 demands of the parts that are used here."""
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    assert log.keys() == {"$schema", "version", "runs"}
    for run_ in log["runs"]:
        assert run_.keys() == {"tool", "columnKind", "invocations", "results"}
        assert run_["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        driver = run_["tool"]["driver"]
        assert driver.keys() == {"name", "semanticVersion", "rules"}
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(ids) == len(set(ids))
        for part in ("shortDescription", "fullDescription", "help"):
            assert all(rule[part]["text"] for rule in driver["rules"])
        assert all(rule["properties"]["check"] for rule in driver["rules"])
        for invocation in run_["invocations"]:
            assert isinstance(invocation["executionSuccessful"], bool)
            for notification in invocation.get("toolExecutionNotifications", []):
                assert notification["message"]["text"]
        for result in run_["results"]:
            assert result["message"]["text"]
            assert result["level"] in ("none", "note", "warning", "error")
            assert ids[result["ruleIndex"]] == result["ruleId"]
            [location] = result["locations"]
            artifact = location["physicalLocation"]["artifactLocation"]
            assert re.fullmatch(r"[\w./~%-]+", artifact["uri"], re.ASCII)
            assert not artifact["uri"].startswith("/")
            assert location["physicalLocation"]["region"]["startLine"] >= 1
            assert all(isinstance(v, str) for v in result["partialFingerprints"].values())


def test_sarif_of_a_lawful_experiment(gate):
    status, out, _ = gate("--sarif")

    log = json.loads(out)
    assert status == 0
    demand_sarif(log)
    assert log["runs"][0]["results"] == []
    assert len(log["runs"][0]["tool"]["driver"]["rules"]) == 7


def test_sarif_tells_every_finding_and_where_it_is(project, gate):
    project.write({"été #1%.py": ""})
    project.edit("prepare.py", "float(model)", "0.5")
    project.git("add", "-A")

    status, out, _ = gate("--sarif")

    log = json.loads(out)
    assert status == 1
    demand_sarif(log)
    results = log["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == [
        "danger-zone::prepare",
        "never-do::modify-prepare",
        "iron-law::only-train-py",
    ][: len(results)]
    uris = {
        unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for result in results
    }
    assert "prepare.py" in uris


def test_a_finding_is_shown_at_the_first_line_that_changed(project, gate):
    trust = project.git("rev-parse", "HEAD")
    project.edit("prepare.py", "    return float(model)", "    return 0.5 * float(model)")
    project.commit("widen eval")

    _, out, _ = gate("--sarif", "--head", "HEAD", "--trust", trust)

    text = (project.path / "prepare.py").read_text()
    line = text[: text.index("0.5 * ")].count("\n") + 1
    run_ = json.loads(out)["runs"][0]
    places = [result["locations"][0]["physicalLocation"] for result in run_["results"]]
    assert {place["region"]["startLine"] for place in places} == {line}
    assert run_["invocations"][0]["properties"]["trust"] == [f"{trust[:7]} (--trust)"]
    assert all(f"trust: {trust[:7]} (--trust)" in r["message"]["text"] for r in run_["results"])


def test_a_fingerprint_is_that_of_the_finding_not_of_the_run(project, gate):
    project.edit("prepare.py", "float(model)", "0.5")

    def prints():
        results = json.loads(gate("--sarif")[1])["runs"][0]["results"]
        return [result["partialFingerprints"] for result in results]

    before = prints()
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    assert prints() == before
    project.edit("prepare.py", "0.5", "0.25")
    assert prints() != before


def test_sarif_says_that_nothing_could_be_judged(gate):
    status, out, _ = gate("--sarif", "--trust", "nowhere")

    log = json.loads(out)
    assert status == 2
    demand_sarif(log)
    [invocation] = log["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "nowhere" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_json_says_that_nothing_could_be_judged(gate):
    status, out, _ = gate("--json", "--trust", "nowhere")

    said = json.loads(out)
    assert status == 2
    assert said["lawful"] is None
    assert "nowhere" in said["error"]


def test_json_says_which_rules_ran(gate):
    said = json.loads(gate("--json", "--staged")[1])

    assert said["subject"] == "index"
    assert "danger-zone::prepare" in said["ran"]
    assert "never-do::exceed-budget" not in said["ran"]


def test_one_form_at_a_time(gate):
    with pytest.raises(SystemExit) as caught:
        gate("--json", "--sarif")
    assert caught.value.code == 2


def test_junit_has_a_case_for_every_rule(project, gate):
    project.edit(
        *("bound.toml", 'check = "scope"'),
        'check = "scope"\nseverity = "warn"\nreason = "the move is not finished"',
    )
    project.bless()
    project.edit("prepare.py", "float(model)", "0.5")
    project.write({"a\x01\x1b]<&'\"\n.py": ""})

    status, out, _ = gate("--junit")

    assert status == 1
    [suite] = ElementTree.fromstring(out)
    cases = {case.get("name"): case for case in suite}
    assert len(cases) == int(suite.get("tests")) == 7
    assert cases["prepare"].get("classname") == "danger-zone"
    failure = cases["prepare"].find("failure")
    assert failure.get("message").startswith("prepare.py changed (sha256 ")
    assert failure.text.startswith("danger-zone::prepare BROKEN: prepare.py changed")
    assert cases["exceed-budget"].find("skipped").get("message") == "no run recorded yet"
    assert (
        cases["only-train-py"].find("system-out").text.startswith("iron-law::only-train-py WARNS")
    )
    assert list(cases["add-dependencies"]) == []
    assert suite.get("failures") == str(len(list(suite.iter("failure"))))
    assert suite.get("skipped") == str(len(list(suite.iter("skipped"))))


def test_junit_says_why_nothing_was_judged(project, gate):
    (project.path / "bound.lock").unlink()

    status, out, _ = gate("--junit")

    assert status == 2
    [suite] = ElementTree.fromstring(out)
    assert suite.get("errors") == "1"
    assert "no trusted rules" in suite[0].find("error").get("message")
