"""The ranges of bound.toml: each fault has its file, line, key and range, and what validation
accepts is what the JSON Schema accepts."""

import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.bound.json_schema import table
from pytest_ouro.bound.night import Night
from pytest_ouro.bound.read import parse
from pytest_ouro.bound.tables import PER_DEVICE, Experiment, RuleKeys, Title, VerdictRule
from pytest_ouro.checks import CHECKS, load
from pytest_ouro.core.errors import BoundError
from pytest_ouro.core.problems import Problems
from pytest_ouro.core.schema import NAME, keys_of, read_values
from pytest_ouro.experiment.steps.preconditions import rehearse

SCRIPT = """\
[experiment]
script   = "train.py"
editable = ["train.py"]
harness  = "prepare.py"
evaluate = "evaluate_bpb"
budget   = 300
"""
COMMAND = """\
[experiment]
command          = ["make"]
evaluate-command = ["./score"]
editable         = ["flags.txt"]
metric           = "bytes"
budget           = 10
"""
SCOPE = '[[iron-law]]\nid = "scope"\nrule = "x"\ncheck = "scope"\n'
YEAR = "31536000"
DIGITS = "1" + "0" * 399


def faults(text):
    with pytest.raises(BoundError) as caught:
        parse(text)
    return caught.value.problems


VALUES = [
    ("verdict", "margin", "-2", "a number from 0 to 100"),
    ("verdict", "margin", "101", "a number from 0 to 100"),
    ("verdict", "margin", "true", "a number from 0 to 100"),
    ("verdict", "noise", "-1", "a number from 0 to 1e+18 or 'auto'"),
    ("verdict", "noise", "nan", "a number from 0 to 1e+18 or 'auto'"),
    ("verdict", "noise", "inf", "a number from 0 to 1e+18 or 'auto'"),
    ("experiment", "tolerance", "-5", f"a number from 0 to {YEAR}"),
    ("experiment", "timeout", DIGITS, f"a number above 0, at most {YEAR}"),
    ("experiment", "timeout", "-inf", f"a number above 0, at most {YEAR}"),
    ("experiment", "warmup-tokens", "-1", "a whole number from 0 to 1e+15"),
    ("experiment", "warmup-tokens", DIGITS, "a whole number from 0 to 1e+15"),
    ("experiment", "warmup-tokens", "1.5", "a whole number from 0 to 1e+15"),
    ("experiment", "warmup-seconds", "-0.1", f"a number from 0 to {YEAR}"),
    ("experiment", "startup-seconds", "-1", f"a number from 0 to {YEAR}"),
    ("experiment", "judged-rows", "-5", "a whole number from 0 to 1000000000"),
    ("experiment", "clock", '"stpes"', "one of 'wall', 'cpu', 'steps'"),
    ("experiment", "steps", "0", "a whole number from 1 to 1000000000"),
    ("experiment", "steps", "1.5", "a whole number from 1 to 1000000000"),
    ("experiment", "slots", "0", "a whole number from 1 to 1024"),
    ("experiment", "judged-rows", "false", "a whole number from 0 to 1000000000"),
    ("experiment", "metric", '""', f"text, {NAME[1]}"),
    ("experiment", "metric", '"val bpb"', f"text, {NAME[1]}"),
    ("experiment", "metric", '"val:bpb"', f"text, {NAME[1]}"),
    ("experiment", "metric", r'"val\tbpb"', f"text, {NAME[1]}"),
    ("experiment", "loader", '""', f"text, {NAME[1]}"),
    ("experiment", "ledger", '""', "text, not empty"),
    ("experiment", "ledger", '" "', "text, not empty"),
    ("experiment", "prepare", '""', "text, not empty"),
    ("experiment", "allowed", '["run.log", ""]', "a list of text, each not empty"),
    ("experiment", "data", '[""]', "a list of text, each not empty"),
    ("experiment", "python", "[]", "a list of text with at least 1 item"),
    ("experiment", "level", '"attested"', "one of 'claimed', 'supervised', 'judged', 'sandboxed'"),
    ("experiment", "level", '"sealed"', "one of 'claimed', 'supervised', 'judged', 'sandboxed'"),
    ("bound", "name", '""', "text, not empty"),
    ("night", "tries", "0", "a whole number from 1 to 1e+12"),
    ("night", "plateau", "1.5", "a whole number from 1 to 1e+12"),
    ("night", "cost", "0", "a number above 0, at most 1e+12"),
    ("night", "price", "-1", "a number above 0, at most 1e+12"),
    *(
        ("night", "until", value, f"text, {keys_of(Night)['until'].limits.pattern[1]}")
        for value in ('"24:00"', '"7:30"', '""', "07:30:00", '"tomorrow"', '"1026-12-01T07:30"')
    ),
]


@pytest.mark.parametrize(("section", "key", "value", "wanted"), VALUES)
def test_a_value_out_of_range_has_line_key_and_range(section, key, value, wanted):
    experiment = SCRIPT + (f"{key} = {value}\n" if section == "experiment" else "")
    other = "" if section == "experiment" else f"[{section}]\n{key} = {value}\n"

    (found,) = faults(experiment + other + SCOPE)

    line = (experiment + other).splitlines().index(f"{key} = {value}") + 1
    assert found.startswith(f"bound.toml:{line}: '{key}' in [{section}] must be {wanted}, not ")
    assert len(found) < 250


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("experiment", "budget", "0"), ("experiment", "judged-rows", "-5"), ("verdict", "noise", -1)],
)
def test_a_device_has_the_same_ranges(device, section, key, value):
    text = SCRIPT + f"[{section}.{device}]\n{key} = {value}\n" + SCOPE

    (found,) = faults(text)

    assert found.startswith(f"bound.toml:8: '{key}' in [{section}.{device}] must be ")


RELATIONS = [
    ("timeout = 300", "timeout", "'timeout' is 300 and 'budget' 300"),
    ("timeout = 20", "timeout", "write a 'timeout' above 300"),
    ("tolerance = 300", "tolerance", "write less than 300"),
    ("tolerance = 0", "tolerance", "write a number above 0"),
    ("warmup-tokens = 3", "warmup-tokens", "no effect without 'warmup-seconds': write both"),
    ("warmup-seconds = 30", "warmup-seconds", "no effect without 'warmup-tokens': write both"),
    (
        "startup-seconds = 60\nwarmup-tokens = 9\nwarmup-seconds = 90",
        "startup-seconds",
        "write 'startup-seconds' of at least 90",
    ),
    (
        'level = "judged"\nhighest = "supervised"',
        "level",
        "so no run could be kept: write level = 'supervised'",
    ),
    ('level = "sandboxed"\nhighest = "judged"', "level", "write level = 'judged'"),
    ('clock = "steps"', "clock", "lacks 'steps': write after how many training batches"),
    ("steps = 70", "steps", "'steps' has no effect with clock = 'wall': write clock = 'steps'"),
    ('clock = "cpu"\nsteps = 70', "clock", "'steps' has no effect with clock = 'cpu'"),
    ('clock = "steps"\nsteps = 40000000', "clock", "more than 100000 for each second of 'budget'"),
    ('publish = ["*.py"]', "publish", "'publish' names train.py"),
    ('python = ["uv", "run", "torchrun"]', "python", "write command = ['torchrun', …]"),
    ('python = ["python", "-m", "torch.distributed.run"]', "python", "starts the script several"),
    ('slots = 2\ndevice = "cuda"', "slots", "'slots' has no effect with device = 'cuda'"),
    ('metric = "best"', "metric", "a word of the last line or the ledger: write another name"),
    ('metric = "status"', "metric", "'metric' is 'status'"),
    ('python = [""]', "python", "the first word of 'python' is empty"),
]


@pytest.mark.parametrize(("lines", "key", "words"), RELATIONS)
def test_keys_that_contradict_each_other_have_a_line_and_what_to_write(lines, key, words):
    (found,) = faults(SCRIPT + lines + "\n" + SCOPE)

    assert found.startswith("bound.toml:7: [experiment]: ")
    assert lines.startswith(key)
    assert words in found


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("cost = 3", "'cost' needs 'price'"),
        ("price = 3", "'price' has no effect without 'cost'"),
        ('until = "2026-02-29T07:30"', "there is no such day"),
        ('until = "2026-02-28T07:30+25:00"', "or no such offset from UTC"),
        ("", "states no end: write 'until', 'tries', 'cost' or 'plateau'"),
    ],
)
def test_a_night_that_contradicts_itself(lines, words):
    (found,) = faults(SCRIPT + f"[night]\n{lines}\n" + SCOPE)

    assert re.match(r"bound\.toml:[78]: \[night\]: ", found)
    assert words in found


@pytest.mark.parametrize("until", ["00:00", "2026-12-01 07:30", "2028-02-29T23:59-11:00"])
def test_a_night_may_end_at_a_time(until):
    stated = f'[night]\nuntil = "{until}"\ncost = 20\nprice = 2.5\ntries = 120\nplateau = 30\n'

    assert parse(SCRIPT + stated + SCOPE).night == Night(
        until=until, cost=20.0, price=2.5, tries=120, plateau=30
    )


@pytest.mark.parametrize("level", ["judged", "sandboxed"])
def test_a_command_may_be_demanded_to_be_judged(level):
    bound = parse(COMMAND + f'level = "{level}"\nartefacts = ["out/"]\n' + SCOPE)

    assert bound.experiment.level == level


def test_artefacts_are_those_of_a_command():
    (found,) = faults(SCRIPT + 'artefacts = ["out/"]\n' + SCOPE)

    assert found.startswith("bound.toml:")
    assert "'artefacts' has no effect with 'script'" in found


def test_a_command_has_no_warm_up():
    (found,) = faults(COMMAND + "warmup-tokens = 3\nwarmup-seconds = 30\n" + SCOPE)

    assert found.startswith("bound.toml:7: [experiment]: 'warmup-tokens' and 'warmup-seconds' have")


def test_a_command_has_no_steps():
    (found,) = faults(COMMAND + 'clock = "steps"\nsteps = 70\n' + SCOPE)

    assert found.startswith(
        "bound.toml:7: [experiment]: 'clock' is 'steps', but a 'command' serves"
    )


def test_a_device_with_a_clock_of_its_own_has_no_steps_of_the_whole():
    steps = 'clock = "steps"\nsteps = 70\n'
    text = SCRIPT + steps + '[experiment.cuda]\nclock = "wall"\n[experiment.cpu]\nsteps = 7\n'

    found = parse(text + SCOPE).experiments

    assert (found["cpu"].clock, found["cpu"].steps) == ("steps", 7)
    assert (found["cuda"].clock, found["cuda"].steps) == ("wall", None)


@pytest.mark.parametrize(("budget", "steps"), [(150.0, 35), (300.0, 70), (0.1, 1)])
def test_a_rehearsal_has_as_many_fewer_steps(budget, steps):
    whole = parse(SCRIPT + 'clock = "steps"\nsteps = 70\n' + SCOPE).experiment

    assert rehearse(whole, budget).steps == steps


def test_a_rehearsal_keeps_the_limits_of_the_whole_budget():
    text = SCRIPT.replace("300", "3000") + "tolerance = 60\ntimeout = 4000\n" + SCOPE

    short = rehearse(parse(text).experiment, 5.0)

    assert (short.budget, short.tolerance, short.timeout) == (5, 60, 4000)


def test_a_relation_between_a_device_and_the_whole_has_the_device_s_line():
    text = SCRIPT + 'highest = "supervised"\n[experiment.cuda]\nlevel = "judged"\n' + SCOPE

    (found,) = faults(text)

    assert found.startswith("bound.toml:9: [experiment.cuda]: 'level' is 'judged' and above")


@pytest.mark.parametrize("stated", ["[3, 1]", "[1, 1]", "[0, 1, 2]"])
def test_the_possible_values_are_in_order(stated):
    (found,) = faults(SCRIPT + f"plausible = {stated}\n" + SCOPE)

    assert found.startswith("bound.toml:7: [experiment]: 'plausible' is [")


@pytest.mark.parametrize(
    "key",
    ['metric = "a=b"', 'unit = "7"', 'unit = " "',
     "decimals = -1", "decimals = 16", "plausible = [0]", 'plausible = ["0", "1"]'],
)  # fmt: skip
def test_what_no_metric_can_have(key):
    (found,) = faults(SCRIPT + key + "\n" + SCOPE)

    assert re.match(rf"bound\.toml:7: '{key.split()[0]}' in \[experiment\] must be ", found)


@pytest.mark.parametrize(
    ("check", "stated", "key"),
    [
        ("command", 'command = ["true"]\ntimeout = 0', "timeout"),
        ("command", 'command = ["true"]\ntimeout = -3', "timeout"),
        ("command", "command = []", "command"),
        ("frozen", "paths = []", "paths"),
        ("frozen", 'paths = ["a", ""]', "paths"),
        ("untracked", "paths = []", "paths"),
        ("frozen-symbol", 'path = ""\nsymbol = "f"', "path"),
        ("frozen-symbol", 'path = "a.py"\nsymbol = ""', "symbol"),
    ],
)
def test_parameters_of_checks_have_ranges(check, stated, key):
    rule = f'[[iron-law]]\nid = "r"\nrule = "x"\ncheck = "{check}"\n{stated}\n'

    (found,) = faults(SCRIPT + rule)

    assert re.match(rf"bound\.toml:1[12]: '{key}' in \[iron-law\] must be ", found)


@pytest.mark.parametrize("key", ["id", "rule", "check"])
def test_a_rule_has_no_empty_words(key):
    rule = "".join('key = ""\n'.replace("key", key) if line.startswith(key) else line
                   for line in SCOPE.splitlines(keepends=True))  # fmt: skip

    (found,) = faults(SCRIPT + rule)

    assert f"'{key}'" in found or "unknown check ''" in found


def test_all_faults_are_reported_at_once_those_of_devices_and_relations_too():
    text = (
        SCRIPT.replace("300", "-1")
        + 'metric = ""\nlevel = "judged"\nhighest = "supervised"\n'
        + '[experiment.cpu]\ntimeout = -1\n[verdict]\nmargin = -2\n[verdict.cpu]\nnoise = -1\n'
        + SCOPE
        + "within = 3\n"
    )  # fmt: skip

    lines = [int(fault.split(":")[1]) for fault in faults(text)]

    assert lines == [6, 7, 8, 11, 13, 15, 20]


def test_a_faulty_value_is_not_reported_again_as_a_relation():
    found = faults(SCRIPT + "timeout = -1\nwarmup-tokens = -3\n" + SCOPE)

    assert len(found) == 2


@pytest.mark.parametrize(
    ("budget", "tolerance", "timeout", "startup"),
    [(0.3, 1, 30.3, 10), (1, 1, 31, 10), (20, 1, 50, 10), (300, 6, 600, 60), (3000, 60, 6000, 600)],
)
def test_defaults_of_short_budgets_have_floors(budget, tolerance, timeout, startup):
    experiment = parse(SCRIPT.replace("300", str(budget)) + SCOPE).experiment

    found = (experiment.tolerance, experiment.timeout, experiment.startup_seconds)
    assert found == pytest.approx((tolerance, timeout, startup))


def test_defaults_leave_a_warm_up_whole():
    text = SCRIPT.replace("300", "1") + "warmup-tokens = 5\nwarmup-seconds = 90\n"

    experiment = parse(text + SCOPE).experiment

    assert experiment.startup_seconds >= 90 + 10
    assert experiment.timeout >= 1 + 90 + 30


def test_a_warm_up_may_be_taken_back_for_a_device():
    text = SCRIPT + (
        "warmup-tokens = 5\nwarmup-seconds = 90\n"
        "[experiment.cpu]\nwarmup-tokens = 0\nwarmup-seconds = 0\nstartup-seconds = 4\n"
    )

    cpu = parse(text + SCOPE).experiments["cpu"]

    assert (cpu.warmup_tokens, cpu.startup_seconds) == (0, 4)


TABLES = {"bound": Title, "experiment": Experiment, "verdict": VerdictRule, "rule": RuleKeys}
TABLES["night"] = Night
TABLES |= {name: load(name) for name in CHECKS}
NUMERIC = [
    (name, key)
    for name, cls in TABLES.items()
    for key, option in table(cls)["properties"].items()
    if {"number", "integer"} & {o.get("type") for o in [option, *option.get("anyOf", [])]}
]
NUMBERS = st.one_of(
    st.integers(),
    st.integers(-3, 200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-3, 200),
    st.integers(-200, 200).map(float),
    st.sampled_from([0, -0.0, 1e15, 10**15 + 1, 1e18, 31536000, 31536000.5, 10**9 + 1, 10**399]),
)


def accepted(cls, key, value):
    problems = Problems("bound.toml", "")
    read_values(cls, {key: value}, ("t",), problems)
    return not problems.found


@pytest.mark.parametrize(("name", "key"), NUMERIC)
@given(value=NUMBERS)
def test_validation_and_json_schema_accept_the_same_numbers(name, key, value):
    cls = TABLES[name]
    option = jsonschema.Draft202012Validator(table(cls)["properties"][key])

    assert accepted(cls, key, value) == option.is_valid(value)


def test_every_number_has_both_ends_of_its_range():
    assert ("experiment", "budget") in NUMERIC
    assert ("experiment", "decimals") in NUMERIC
    for name, key in NUMERIC:
        limits = keys_of(TABLES[name])[key].limits
        assert limits.max is not None, (name, key)
        assert (limits.min, limits.above) != (None, None), (name, key)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), True, 10**399, "1"])
@pytest.mark.parametrize(("name", "key"), NUMERIC)
def test_a_value_that_is_not_a_number_is_refused_everywhere(name, key, value):
    assert not accepted(TABLES[name], key, value)


def test_a_default_lies_within_its_own_range():
    for name, cls in TABLES.items():
        for key, option in keys_of(cls).items():
            if not option.required and option.default not in (None, "", ()):
                value = option.default
                stated = list(value) if isinstance(value, tuple) else value
                assert accepted(cls, key, stated), (name, key)


def test_every_key_of_a_device_is_one_of_the_experiment():
    assert set(PER_DEVICE) < set(keys_of(Experiment))
