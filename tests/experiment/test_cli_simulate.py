"""``pytest-ouro simulate``: what a night would claim."""

import json
import re
from pathlib import Path

import pytest

from pytest_ouro.evidence.records.statement import Statement

FEW = ("simulate", "--nights", "30", "--tries", "40")


@pytest.fixture
def simulated(ouro):
    """Return the report of nights as JSON."""

    def simulated(*words):
        status, out, err = ouro(*FEW, "--json", *words)
        assert (status, err) == (0, "")
        return json.loads(out)

    return simulated


def test_a_person_reads_what_would_be_kept_claimed_and_true(ouro):
    status, out, err = ouro(*FEW)

    assert (status, err) == (0, "")
    head, noise, _, names, *rows = out.splitlines()
    assert head.startswith("ouro: 30 simulated nights of 40 runs, 10 of them for a certificate")
    assert noise.startswith("ouro: noise of a run σ = 0.010000 (bound.toml), gaussian")
    assert names.split("  ")[-1].strip() == "if a little helps"
    table = {row[:33].strip(): row[33:] for row in rows}
    kept = table["changes kept"].split()
    assert 1 < float(kept[0]) < 8
    assert table["gain that the search claims"].startswith("+")
    assert table["of it true"].split()[0] == "0"
    assert "%" in table["nights with a certificate"]
    assert "edits that pairs confirm singly" in table
    assert out.splitlines()[-1].startswith("ouro: if a little helps: 10 % of the changes gain")


def test_the_noise_is_that_of_the_bound(simulated):
    found = simulated()

    assert found["settings"]["sigma"] == found["settings"]["known"] == 0.01
    assert (found["source"], found["unit"]) == ("bound.toml", "val_bpb")
    other = simulated("--sigma", "0.5")
    assert (other["settings"]["sigma"], other["settings"]["known"]) == (0.5, 0.01)


def test_the_margin_of_the_bound_decides(project, simulated):
    greedy = simulated()
    project.edit("bound.toml", "noise = 0.01", "noise = 0.01\nmargin = 3")
    strict = simulated()
    project.edit("bound.toml", "noise = 0.01", 'noise = "auto"')
    unknown = simulated()

    kept = [one["cases"]["none"]["kept"]["value"] for one in (greedy, strict, unknown)]
    assert kept[1] < kept[0] / 4
    # A margin holds nothing back while the noise is not known, here as in a night.
    assert kept[2] == kept[0]


@pytest.mark.tier(2)
def test_the_noise_is_that_of_the_records(lab, ouro):
    def found():
        return json.loads(ouro(*FEW, "--json")[1])

    lab.bound(("noise = 0.01", 'noise = "auto"'))
    lab.run(lab.script(2.0))
    assert (found()["source"], found()["unit"]) == (
        "not known yet, so that gains are given in it",
        "sigma",
    )
    seeded = lab.script(before="import random; random.seed(42)")
    lab.run(seeded.replace("evaluate_bpb(2.0)", "evaluate_bpb(2 + random.random())"), repeat=2)
    run = lab.journal.runs()[-1]
    assert found()["settings"]["sigma"] == run.noise > 0
    assert found()["source"] == "the last run's record"

    facts = {"event": "calibration", "result": "measured", "shared": 0.75}
    known = [("val_bpb", "cpu", 0.125), ("other", "cpu", 9.0), ("val_bpb", "cuda", 7.0)]
    for name, device, sd in known:
        commits = {"baseline": run.commit, "tip": run.commit, "time": run.time}
        facts |= {"metric_name": name, "device": device, "sd": sd, "plan": "0123456789ab"}
        lab.journal.append(Statement(**facts, **commits))
    settings = found()["settings"]
    assert (settings["sigma"], settings["rho"]) == (0.125, 0), "edits may share nothing"
    assert found()["source"] == "the last calibration"


def test_options_are_the_settings(simulated):
    found = simulated(
        *("--rho", "0.5", "--pairs", "3", "--looks", "1", "--placebo", "0.1"),
        *("--effects", "heavy", "--noise", "ar1", "--phi", "0.3", "--seed", "7"),
    )

    settings = found["settings"]
    named = ("rho", "pairs", "looks", "placebo", "noise", "phi", "runs")
    assert [settings[name] for name in named] == [0.5, 3, 1, 0.1, "ar1", 0.3, 40]
    assert (found["seed"], found["alpha"]) == (7, 0.05)
    assert list(found["cases"]) == ["heavy"]
    assert found["cases"]["heavy"]["placebos_kept"]["value"] is not None


def test_the_same_seed_prints_the_same(ouro):
    assert ouro(*FEW) == ouro(*FEW) != ouro(*FEW, "--seed", "1")


def test_a_night_without_a_certificate(ouro, simulated):
    assert "certificate" not in ouro(*FEW, "--pairs", "0")[1].split("\n\n")[1]
    found = simulated("--pairs", "0")
    assert found["detectable"] is None
    assert found["cases"]["none"]["granted"]["value"] == 0


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("words", "message", "help"),
    [
        (("--sigma", "0"), "--sigma must be above 0, at most 1e18, not 0", "--sigma 0.01"),
        (("--sigma", "nan"), "--sigma must be above 0, at most 1e18, not nan", "--sigma 0.01"),
        (("--rho", "1"), "--rho must be from 0 to below 1, not 1", "--rho 0.5"),
        (("--placebo", "-1"), "--placebo must be from 0 to below 1, not -1", "--placebo 0.04"),
        (("--phi", "1"), "--phi must be between -1 and 1, not 1", "--phi 0.5"),
        (("--nights", "0"), "--nights must be 1 or more, not 0", "--nights 500"),
        (("--pairs", "-1"), "--pairs must be 0, or from 2 to 1000, not -1", "--pairs 5"),
        (("--pairs", "1"), "--pairs must be 0, or from 2 to 1000, not 1", "--pairs 5"),
        (("--pairs", "5000"), "--pairs must be 0, or from 2 to 1000, not 5000", "--pairs 5"),
        (("--looks", "-1"), "--looks must be from 0 to 1000, not -1", "--looks 1"),
        (
            ("--tries", "11"),
            "a night of 11 runs has none for the search: 5 pairs take 10, the baseline one",
            "--tries 20 --pairs 5",
        ),
    ],
)
def test_numbers_without_sense_are_refused_with_ones_that_have(ouro, words, message, help):
    status, out, err = ouro("simulate", *words)

    assert (status, out) == (2, "")
    assert err == f"ouro: error: {message}\n  help: pytest-ouro simulate {help}\n"
    remedy = err.partition("help: pytest-ouro ")[2].split()
    assert ouro(*remedy, *(() if "--nights" in remedy else ("--nights", "5")))[0] == 0


def test_without_a_bound_there_are_no_settings(project, ouro):
    (project.path / "bound.toml").unlink()

    status, out, err = ouro("simulate")

    assert (status, out) == (2, "")
    assert "no bound.toml" in err


@pytest.mark.tier(3)
def test_the_page_shows_what_is_printed(project, ouro):
    page = Path(__file__).parents[2] / "docs/selection.md"
    shown = re.search(r"(?s)```text\n(ouro: 500 simulated nights.*?)```", page.read_text("utf-8"))
    project.edit("bound.toml", "noise = 0.01", "noise = 0.013")

    assert shown is not None
    assert ouro("simulate")[1] == shown[1]
