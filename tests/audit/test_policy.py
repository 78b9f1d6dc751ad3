"""A leaderboard's policy: its file, the two examples on lawful and unlawful submissions, hostile
submissions, and the statistic."""

import json
import re
from pathlib import Path

import pytest

from pytest_ouro.audit import html, markdown, sarif
from pytest_ouro.audit.policy.judge import judge
from pytest_ouro.audit.policy.read import parse, read
from pytest_ouro.audit.policy.statistics import compare_below, cumulate_t
from pytest_ouro.audit.policy.submission import (
    find_inside,
    find_record,
    read_folder,
    read_pull_request,
)
from pytest_ouro.core.errors import BoundError, OuroError
from pytest_ouro.evidence.git.client import Git

from .leaderboards import (
    GOLF,
    LOSSES,
    SCRIPT,
    SPEED,
    golf_log,
    golf_record,
    make_board,
    speed_log,
    speed_record,
)
from .samples import HOSTILE, SECRETS

EXAMPLES = Path(__file__).parents[2] / "docs/examples/policies"
SPEEDRUN, PARAMETERS = EXAMPLES / "nanogpt-speedrun.toml", EXAMPLES / "parameter-golf.toml"


@pytest.fixture
def board(tmp_path):
    return make_board(tmp_path / "board")


@pytest.fixture
def judged(board):
    """``judged(policy, files)``: the audit of a pull request that writes these files."""
    opened = []

    def judged(policy, files):
        policy = read(policy) if isinstance(policy, Path) else parse(policy)
        head = board.commit(files)
        git = Git.objects(board.path)
        opened.append(git)
        return judge(policy, read_pull_request(git, board.base, head, "pull/7", policy.files))

    yield judged
    for git in opened:
        git.close()


def errors(audit):
    """Return the checks and headlines of the errors."""
    return [(one.check, one.finding.headline) for one in audit.errors]


def warnings(audit):
    return [(one.check, one.finding.headline) for one in audit.warnings]


def state(audit, name):
    """Return the state and the words of a statement."""
    [one] = [one for one in audit.statements if one.name == name]
    return one.state, one.why


def test_a_lawful_record_of_the_speedrun(judged):
    script = SCRIPT.replace("WIDTH = 768", "WIDTH = 896")
    logs = {f"{SPEED}/{n}.txt": speed_log(loss, n, script) for n, loss in enumerate(LOSSES)}

    audit = judged(SPEEDRUN, {"train_gpt.py": script, **logs})

    assert errors(audit) == warnings(audit) == []
    assert state(audit, "runs") == ("reached", "8 runs")
    assert state(audit, "script")[0] == state(audit, "configuration")[0] == "reached"
    assert state(audit, "region-timed") == ("reached", "train_gpt.py:10 to 20 is as in the base")
    why = state(audit, "significance-val_loss")[1]
    assert (
        "a mean below 3.28 with p < 0.01: mean 3.2780125, sd 0.000734, n 8, t -7.661, p 6e-05"
        in why
    )
    assert state(audit, "all-runs")[0] == "not checked"


def test_without_enough_evidence_the_statistic_fails(judged):
    policy = SPEEDRUN.read_text().replace('waived = "a change', '# waived = "a change')

    audit = judged(policy, speed_record((3.2790, 3.2760, 3.2812)))

    [(check, headline)] = errors(audit)
    assert check == "significance-val_loss"
    assert headline == "val_loss: the runs do not show a mean below 3.28 with p < 0.01"
    assert "t -0.8405, p 0.245" in audit.errors[0].finding.actual


def test_what_the_rule_waives_only_warns(judged):
    audit = judged(SPEEDRUN, speed_record((3.2790, 3.2760, 3.2812)))

    assert errors(audit) == []
    [(check, headline)] = warnings(audit)
    assert check == "significance-val_loss"
    assert "waived for a change of the system's speed alone, which a person judges" in headline


@pytest.mark.parametrize(("waived", "found"), [("", errors), ("x", warnings)])
def test_one_run_cannot_be_tested(judged, waived, found):
    policy = re.sub('waived = ".*"', f'waived = "{waived}"', SPEEDRUN.read_text())

    audit = judged(policy, speed_record((3.2700,)))

    assert found(audit) == [
        ("significance-val_loss", "val_loss: 1 run cannot show a mean below 3.28")
    ]
    assert state(audit, "significance-val_loss")[0] == "not reached"


def test_a_copied_log_counts_once(judged):
    files = speed_record((3.2781, 3.2776))
    files |= {f"{SPEED}/copy{n}.txt": files[f"{SPEED}/1.txt"] for n in range(6)}

    audit = judged(SPEEDRUN, files)

    assert state(audit, "runs")[1].startswith("2 runs")
    assert ("runs", "copy0.txt is a copy of 1.txt: both count as one run") in warnings(audit)


def test_a_log_with_the_times_of_another_is_that_run(judged):
    files = speed_record(LOSSES[:4])
    changed = speed_log(3.2700, 3, steps=12)
    files[f"{SPEED}/3.txt"] = speed_log(LOSSES[3], 3, steps=12)
    files[f"{SPEED}/other.txt"] = changed

    audit = judged(SPEEDRUN, files)

    assert ("runs", "other.txt is a copy of 3.txt: both count as one run") in warnings(audit)


def test_runs_of_another_configuration_are_not_counted(judged):
    lucky = {
        f"{SPEED}/lucky{n}.txt": speed_log(3.27, 50 + n, SCRIPT.replace("768", "1024"))
        for n in range(20)
    }
    policy = SPEEDRUN.read_text().replace("waived", "# waived")

    audit = judged(policy, speed_record((3.2801, 3.2811, 3.2795)) | lucky)

    assert [check for check, _ in errors(audit)] == ["significance-val_loss"]
    [(check, headline)] = warnings(audit)
    assert check == "configuration"
    assert headline.startswith("the logs are of 2 configurations: 3 runs (0.txt, 1.txt, 2.txt)")
    finding = audit.warnings[0].finding
    assert (finding.expected, finding.actual) == ("WIDTH = 768", "WIDTH = 1024")


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("PyTorch 2.10.0", "PyTorch 2.11.0"),
        ("NVIDIA H100 80GB", "NVIDIA H200 141GB"),
        ("val_loss:", "val_loss: "),
    ],
)
def test_another_machine_version_or_end_is_seen(judged, was, now):
    files = speed_record()
    files[f"{SPEED}/7.txt"] = files[f"{SPEED}/7.txt"].replace(was, now)

    audit = judged(SPEEDRUN, files)

    assert errors(audit) == []
    assert [check for check, _ in warnings(audit)] in (["configuration"], ["runs"])
    assert "7.txt" in warnings(audit)[0][1]


def test_a_seed_and_a_comment_make_no_other_configuration(judged):
    policy = SPEEDRUN.read_text().replace("progress =", "may-differ = ['^SEED = ']\nprogress =")
    logs = {
        f"{SPEED}/{n}.txt": speed_log(loss, n, f"SEED = {n}\n# run {n}\n\n{SCRIPT}")
        for n, loss in enumerate(LOSSES)
    }

    audit = judged(policy, logs)

    assert errors(audit) == warnings(audit) == []


def test_the_clock_in_the_timed_region_is_fixed(judged):
    script = SCRIPT.replace(
        "        training_time_ms += 1000 * (time.perf_counter() - t0)",
        "        training_time_ms += 990 * (time.perf_counter() - t0)",
    )
    logs = {f"{SPEED}/{n}.txt": speed_log(loss, n, script) for n, loss in enumerate(LOSSES)}

    audit = judged(SPEEDRUN, {"train_gpt.py": script, **logs})

    [found] = audit.errors
    assert found.check == "region-timed"
    assert found.finding.expected == "training_time_ms += 1000 * (time.perf_counter() - t0)"
    assert found.finding.actual == "training_time_ms += 990 * (time.perf_counter() - t0)"
    assert found.finding.facts["path"] == "train_gpt.py"


def test_other_changes_of_the_timed_region_are_shown(judged):
    script = SCRIPT.replace("    train(step)\n", "    train(step)\n    average(step)\n")
    logs = {f"{SPEED}/{n}.txt": speed_log(loss, n, script) for n, loss in enumerate(LOSSES)}

    audit = judged(SPEEDRUN, {"train_gpt.py": script, **logs})

    assert errors(audit) == warnings(audit) == []
    [region] = [one for one in audit.inferences if one.what == "region-timed"]
    assert region.why == "0 lines removed, 1 added: + average(step)"


def test_the_place_of_a_region_counts_its_empty_lines(judged):
    script = SCRIPT.replace("    train(step)\n", "\n    train(step)\n    \n\n")
    logs = {f"{SPEED}/{n}.txt": speed_log(loss, n, script) for n, loss in enumerate(LOSSES)}

    audit = judged(SPEEDRUN, {"train_gpt.py": script, **logs})

    assert errors(audit) == warnings(audit) == []
    assert state(audit, "region-timed") == ("reached", "train_gpt.py:10 to 23 is as in the base")


@pytest.mark.parametrize("text", [SCRIPT.replace("training_time_ms = 0", "ms = 0"), SCRIPT * 2])
def test_a_region_that_cannot_be_found_is_an_error(judged, text):
    audit = judged(SPEEDRUN, {"train_gpt.py": text, **speed_record()})

    assert "region-timed" in [check for check, _ in errors(audit)]
    assert state(audit, "region-timed")[0] == "not reached"


def test_an_added_flag_of_the_compiler_is_refused(judged):
    flag = "torch._inductor.config.coordinate_descent_tuning = True\n"
    script = SCRIPT.replace("WIDTH", f"# {flag}{flag}WIDTH")
    logs = {f"{SPEED}/{n}.txt": speed_log(loss, n, script) for n, loss in enumerate(LOSSES)}

    audit = judged(SPEEDRUN, {"train_gpt.py": script, **logs})

    [(check, headline)] = errors(audit)
    assert check == "refused-lines"
    assert headline.startswith("train_gpt.py:9 adds a line that the rule refuses")


HIDDEN = f"x = 1{' ' * 2_000}; torch._inductor.config.coordinate_descent_tuning = True\n"


@pytest.mark.parametrize("kind", ["a long line", "a link"])
def test_what_is_not_searched_for_refused_lines_is_said(board, judged, kind):
    if kind == "a link":
        (board.path / "train_gpt.py").unlink()
        (board.path / "train_gpt.py").symlink_to(f"{SPEED}/hidden.py")
        files, place = {f"{SPEED}/hidden.py": HIDDEN}, "train_gpt.py"
    else:
        files, place = {"train_gpt.py": SCRIPT.replace("WIDTH", f"{HIDDEN}WIDTH")}, "train_gpt.py:8"

    audit = judged(SPEEDRUN, files | speed_record())

    assert "refused-lines" not in [check for check, _ in errors(audit)]
    assert state(audit, "refused-lines") == ("not reached", f"not searched in full: {place}")


def test_a_second_copy_of_a_long_line_is_said_not_to_be_searched(board, judged):
    board.base = board.commit({"train_gpt.py": HIDDEN + SCRIPT})

    audit = judged(SPEEDRUN, {"train_gpt.py": HIDDEN + SCRIPT + HIDDEN, **speed_record()})

    number = len((HIDDEN + SCRIPT + HIDDEN).splitlines())
    words = f"not searched in full: train_gpt.py:{number}"
    assert state(audit, "refused-lines") == ("not reached", words)


def test_a_long_line_of_the_base_and_a_deleted_file_are_searched(board, judged):
    board.base = board.commit({"train_gpt.py": HIDDEN + SCRIPT, "old.py": HIDDEN})
    policy = SPEEDRUN.read_text().replace('files = ["train_gpt.py"]', 'files = ["*.py"]')

    files = {"train_gpt.py": f"y = 2\n{HIDDEN}{SCRIPT}", "old.py": None}
    audit = judged(policy, files | speed_record())

    assert state(audit, "refused-lines")[0] == "reached"


def test_logs_of_other_code_than_the_submitted_one_warn(judged):
    audit = judged(SPEEDRUN, {"train_gpt.py": SCRIPT.replace("768", "512"), **speed_record()})

    assert errors(audit) == []
    [(check, headline)] = warnings(audit)
    assert check == "script"
    assert headline.startswith("1 line of train_gpt.py, of 16, is not in the code that made 0.txt")


def test_a_pull_request_changes_its_record_alone(judged):
    audit = judged(SPEEDRUN, {"data/fineweb.py": "x = 2\n", **speed_record()})

    assert errors(audit) == [
        ("allowed-files", f"the pull request changes data/fineweb.py, outside of {SPEED}")
    ]


def test_a_lawful_record_of_the_other_leaderboard(judged):
    audit = judged(PARAMETERS, golf_record())

    assert errors(audit) == warnings(audit) == []
    assert state(audit, "significance-val_bpb")[0] == "reached"
    assert "the best so far is 1.09 of" in state(audit, "significance-val_bpb")[1]
    assert state(audit, "artefact-size")[0] == state(audit, "claim-val_bpb")[0] == "reached"
    assert state(audit, "other-files") == (
        "reached",
        "the policy covers every file of the record",
    )


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({f"{GOLF}/README.md": None}, "required-files"),
        ({"train_gpt.py": "x = 2\n"}, "allowed-files"),
        ({f"{GOLF}/train_seed0.log": golf_log(1.0801, seconds=660.0)}, "numbers"),
        ({f"{GOLF}/submission.json": '{"val_bpb": 1.01}'}, "claim-val_bpb"),
        ({"records/track_10min_16mb/2026-03-01_First/submission.json": "{}"}, "allowed-files"),
    ],
)
def test_an_unlawful_record_of_the_other_leaderboard(judged, change, check):
    files = golf_record() | change
    files = {name: text for name, text in files.items() if text is not None}

    audit = judged(PARAMETERS, files)

    # A log of this leaderboard has several values, so that a claim that fits none only warns.
    assert check in [one.check for one in audit.findings]
    assert check == "claim-val_bpb" or check in [one for one, _ in errors(audit)]


def test_too_small_a_gain_and_too_large_an_artefact(judged):
    policy = PARAMETERS.read_text().replace("waived", "# waived")
    files = golf_record((1.0885, 1.0890, 1.0895))
    files |= {
        f"{GOLF}/train_seed{n}.log": golf_log(1.0885 + n / 2000, model=15_999_500) for n in range(3)
    }

    audit = judged(policy, files)

    assert {check for check, _ in errors(audit)} == {
        *("significance-val_bpb", "artefact-size", "numbers"),
    }
    [size] = [one.finding for one in audit.errors if one.check == "artefact-size"]
    assert size.actual == "16,000,400 bytes"


def test_a_log_that_cannot_be_read_may_state_the_largest_size(judged):
    policy = PARAMETERS.read_text()
    files = golf_record() | {f"{GOLF}/train_seed1.log": "\0"}

    audit = judged(policy, files)
    assert state(audit, "artefact-size") == ("not reached", "not known: train_seed1.log")

    audit = judged(policy.replace('plus = "model_bytes"\n', ""), files)
    assert state(audit, "artefact-size") == ("reached", "train_gpt.py: 900 bytes: 900 bytes")


def test_only_one_record_and_only_additions(judged):
    old = "records/track_10min_16mb/2026-03-01_First"
    audit = judged(PARAMETERS, golf_record() | {f"{old}/train.log": golf_log(1.2)})

    headlines = [headline for _, headline in errors(audit)]
    assert f"it also changes other records: {old}" in headlines
    assert audit.inferences[1].value == GOLF


def test_a_changed_record_is_not_an_addition(judged):
    old = "records/track_10min_16mb/2026-03-01_First"

    audit = judged(PARAMETERS, {f"{old}/train.log": golf_log(1.2)})

    assert any("a pull request only adds a record" in headline for _, headline in errors(audit))


def test_a_pull_request_without_a_record_is_not_judged(judged):
    with pytest.raises(OuroError, match="no record"):
        judged(SPEEDRUN, {"README.md": "x\n"})


def test_a_folder_alone_says_what_it_cannot_show(tmp_path):
    for name, text in speed_record().items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (tmp_path / SPEED / "link.txt").symlink_to("/etc/passwd")

    audit = judge(read(SPEEDRUN), read_folder(tmp_path / SPEED, "my record"))

    assert errors(audit) == []
    assert [check for check, _ in warnings(audit)] == ["runs"]
    for name in ("allowed-files", "refused-lines", "region-timed"):
        assert state(audit, name) == (
            "not checked",
            "a folder alone has no base: judge the pull request",
        )
    assert state(audit, "significance-val_loss")[0] == "reached"
    assert state(audit, "script")[0] == "not reached"


def test_no_link_of_a_record_is_followed(board, judged):
    (board.path / SPEED).mkdir(parents=True)
    (board.path / SPEED / "9.txt").symlink_to("/etc/passwd")

    audit = judged(SPEEDRUN, speed_record())

    assert ("runs", "9.txt could not be read as text") in warnings(audit)
    assert state(audit, "runs")[0] == "not reached"


@pytest.mark.parametrize(
    "log",
    [
        b"\0" * 9_000,
        b"",
        b"step:10/10 val_loss:nan train_time:5ms\n",
        b"step:10/10 val_loss:1e999 train_time:5ms\n",
        b"\xff\xfe\x00s",
        b"=" * 3_000_000,
        b"step:1/1 " * 300_000,
    ],
)
def test_any_bytes_can_be_a_log(judged, log):
    audit = judged(SPEEDRUN, speed_record() | {f"{SPEED}/9.txt": log})

    assert errors(audit) == []
    assert "9.txt" in str(warnings(audit))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"val_bpb": "x"}', '{"val_bpb": 1e999}', "\0"])
def test_any_text_can_be_a_claim(judged, text):
    audit = judged(PARAMETERS, golf_record() | {f"{GOLF}/submission.json": text})

    assert state(audit, "claim-val_bpb")[0] == "not reached"


@pytest.mark.tier(2, but=12)
@pytest.mark.parametrize("form", [markdown, sarif, html])
@pytest.mark.parametrize("attack", [*HOSTILE, *SECRETS])
def test_a_report_of_a_hostile_record_shows_and_does_nothing(judged, form, attack):
    text = HOSTILE.get(attack, attack)
    name = re.sub(r"[\0/\n]", "", text)[:100] if attack in HOSTILE else "x"
    files = speed_record()
    line = text.replace("\n", " ")
    files[f"{SPEED}/{name} 1.txt"] = speed_log(3.27, 9, f"WIDTH = '{line}'\n")
    files[f"{name}.py"] = text

    shown = form.render(judged(SPEEDRUN, files))

    assert "WIDTH = " in shown
    assert attack in HOSTILE or SECRETS[attack] not in shown
    assert form is sarif or "<script" not in re.sub("`[^`]*`", "", shown)
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_an_example_is_valid(path):
    assert read(path).title.name


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("[policy]", "[police]", "unknown table 'police'; did you mean 'policy'?"),
        ("below = 3.28", "beloww = 3.28", "unknown key 'beloww'"),
        ("below = 3.28", "above = 3\nbelow = 3.28", "state one of 'below', 'above'"),
        ("below = 3.28", 'best-file = "x"', "need each other"),
        ("p = 0.01", "p = 0.7", "must be a number above 0, below 0.5"),
        ('number = "val_loss"', 'number = "val_los"', "no [[number]] is called 'val_los'"),
        ('name = "steps"', 'name = "val_loss"', "two numbers are called 'val_loss'"),
        ("(?P<value>[\\d.]+)'", "(?P<value>[\\d.]+'", "is not a regular expression"),
        (r"'^step:(\d+)/\1 val_loss:(?P<value>[\d.]+)'", "'x'", "must have a group"),
        ("[runs]", "[[runs]]", "[runs] must be a table"),
        ("[[refused]]", "[refused]", "must be written [[refused]]"),
        ("track_1_short/*", "**", "must not have **"),
        ("source-ends = ", "# ", "'script' needs 'source-ends'"),
        ("[submission]", "[submission", "not TOML"),
    ],
)
def test_a_fault_of_a_policy_is_named(was, now, words):
    text = SPEEDRUN.read_text()
    assert was in text

    with pytest.raises(BoundError) as caught:
        parse(text.replace(was, now, 1))

    assert words in str(caught.value)
    assert caught.value.help


def test_a_policy_that_is_missing_or_not_text(tmp_path):
    with pytest.raises(OuroError, match="No such file"):
        read(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_bytes(b"a = '\n\xff'")
    with pytest.raises(BoundError, match=r"x\.toml:2: not UTF-8"):
        read(tmp_path / "x.toml")


def test_a_slow_pattern_sees_short_lines_alone(judged):
    policy = SPEEDRUN.read_text().replace("^step:\\d+/\\d+ train_time:\\d+ms", "x+y")

    audit = judged(policy, speed_record() | {f"{SPEED}/9.txt": "x" * 3_000_000})

    assert errors(audit) == []


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("records/a/b/c.txt", "records/a/b"),
        ("records/a/b/c/d.txt", "records/a/b"),
        ("records/a/b", ""),
        ("other/a/b/c", ""),
    ],
)
def test_the_folder_of_a_record(path, folder):
    assert find_record(path, "records/a/*") == folder


@pytest.mark.parametrize(
    ("folder", "record"),
    [
        (".", "records/a/one"),
        ("records", "a/one"),
        ("records/a", "one"),
        ("records/a/one", ""),
        ("records/a/one/logs", ""),
    ],
)
def test_the_folders_of_records_below_a_folder(tmp_path, folder, record):
    (tmp_path / "records/a/one/logs").mkdir(parents=True)

    assert find_inside(tmp_path / folder, "records/a/*") == record


#: Quantiles of Student's t from tables: degrees of freedom, one-sided level, quantile.
TABLE = [
    (1, 0.25, 1.000), (1, 0.01, 31.821), (2, 0.01, 6.965), (3, 0.05, 2.353), (5, 0.005, 4.032),
    (7, 0.01, 2.998), (10, 0.01, 2.764), (12, 0.001, 3.930), (30, 0.05, 1.697), (120, 0.01, 2.358),
]  # fmt: skip


@pytest.mark.parametrize(("freedom", "level", "quantile"), TABLE)
def test_the_distribution_is_that_of_tables(freedom, level, quantile):
    assert cumulate_t(-quantile, freedom) == pytest.approx(level, rel=0.002)
    assert cumulate_t(quantile, freedom) == pytest.approx(1 - level, rel=0.002)


def test_the_t_test_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    for n in (2, 3, 5, 8, 20, 200):
        values = [3.28 + ((i * 7919) % 101 - 52) / 2e4 for i in range(n)]
        found = compare_below(values, 3.28)
        wanted = stats.ttest_1samp(values, 3.28, alternative="less")
        assert (found.t, found.p) == pytest.approx((wanted.statistic, wanted.pvalue), rel=1e-9)
    for freedom in (1, 2, 4, 9, 50, 1_000):
        for t in (-40, -6.5, -1, -0.01, 0, 0.3, 12):
            assert cumulate_t(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), rel=1e-8)


@pytest.mark.parametrize(("value", "p"), [(3.27, 0.0), (3.28, 0.5), (3.29, 1.0)])
def test_equal_values_have_no_spread(value, p):
    assert compare_below([value] * 4, 3.28).p == p


def test_higher_can_be_better_and_the_mean_or_each_run_can_decide(judged):
    rule = '[[significance]]\nnumber = "val_loss"\ntest = "{}"\n{} = {}\n'
    text = re.sub(r"(?s)\[\[significance\]\].*?\n\n", "{rule}\n", SPEEDRUN.read_text())
    files = speed_record()

    def found(*rules):
        audit = judged(text.replace("{rule}", "".join(rule.format(*r) for r in rules)), files)
        return [one.finding.expected for one in audit.errors]

    assert found(("t", "above", 3.27), ("mean", "below", 3.2781), ("each", "below", 3.28)) == []
    assert found(("t", "above", 3.279)) == ["a mean above 3.279 with p < 0.01"]
    assert found(("mean", "below", 3.277)) == ["a mean below 3.277"]
    assert found(("each", "below", 3.2789)) == ["every run below 3.2789"]


def test_a_record_that_is_not_json_cannot_be_the_best(board, judged):
    base = "records/track_10min_16mb/2026-03-01_First/submission.json"
    board.base = board.commit({base: "{"}, "broken")

    audit = judged(PARAMETERS, golf_record())

    assert state(audit, "significance-val_bpb")[0] == "not reached"
    assert errors(audit) == []


def test_the_facts_of_a_submission_are_json(judged):
    log = json.loads(sarif.render(judged(SPEEDRUN, speed_record())))

    assert log["runs"][0]["invocations"][0]["properties"]["conclusion"]
