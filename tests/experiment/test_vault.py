"""The vault: rows that the score leaves out, and the looks that show what they say."""

import hashlib
import re

import pytest

from pytest_ouro.core.errors import ExperimentError, RecordError
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.row_losses import path_of, read_losses
from pytest_ouro.experiment.selection.vault import look_into_vault
from pytest_ouro.experiment.verdict.rows_error import find_gap
from tests.experiment.judged import make_judged
from tests.experiment.judged import model_script as script

VAULT = ("noise = 0.01", "noise = 0.01\nvault = 0.1")


def look(lab):
    return look_into_vault(open_case(lab.path / "bound.toml"))


@pytest.fixture
def vaulted(lab, fork_runs):
    """A judged project of 520 rows, of which 52 are in the vault."""
    return make_judged(lab, fork_runs, VAULT, rows=520)


@pytest.fixture
def night(vaulted):
    """A baseline and a better keep."""
    return vaulted, vaulted.run(script(1.0)).record, vaulted.run(script(0.5)).record


@pytest.mark.tier(2)
def test_a_look_is_shown_recorded_and_counted(night, ouro):
    lab, baseline, tip = night
    assert (baseline.rows, baseline.judgment["vault"], tip.status) == (468, 52, "keep")
    for run in (baseline, tip):
        content = path_of(lab.journal, run.run, "vault").read_bytes()
        assert run.vault_losses == hashlib.sha256(content).hexdigest()
        assert path_of(lab.journal, run.run, "vault").stat().st_mode & 0o777 == 0o600

    status, said, err = ouro("vault")

    assert (status, err) == (0, "")
    one = lab.journal.statements()[-1]
    assert (one.event, one.result, one.look, one.night) == (
        *("look", "measured", 1),
        baseline.commit,
    )
    scored, vault = (
        (read_losses(lab.journal, baseline, kind), read_losses(lab.journal, tip, kind))
        for kind in ("rows", "vault")
    )
    found = find_gap(scored, vault, one.alpha)
    assert (one.gap, one.se, one.low, one.high) == (found.gap, found.se, found.low, found.high)
    assert one.claimed == pytest.approx(tip.gain, rel=1e-5)
    lines = b"".join(record_format.write(run) + b"\n" for run in (baseline, tip))
    assert one.evidence == hashlib.sha256(lines).hexdigest()
    assert one.runs == (baseline.run, tip.run)
    assert re.fullmatch(
        r"ouro: vault gap=-?\d\.\d{6} low=-\d\.\d{6} high=\d\.\d{6} detectable=\d\.\d{6} "
        rf"claimed=\d\.\d+ rows=468\+52 look=1 baseline={baseline.commit[:7]} "
        rf"commit={tip.commit[:7]}",
        said.splitlines()[-1],
    )
    assert "not shown to be smaller" in said

    assert [*(lab.journal.folder / "open").iterdir()] == []

    again = look(lab).statement
    assert (again.look, again.gap) == (2, one.gap)
    assert again.alpha < one.alpha
    assert again.high - again.low > one.high - one.low, "a further look is less sharp"
    refs = run_git("for-each-ref", "--format=%(refname)", "refs/ouro/looks", cwd=lab.path).decode()
    assert refs.split() == [f"refs/ouro/looks/look/{baseline.commit}/{n}" for n in (1, 2)]
    assert [r.rule for r in check_all(open_case(lab.path / "bound.toml")) if r.broken] == []
    lab.clean()


@pytest.mark.tier(2)
def test_nothing_of_the_vault_is_in_what_the_loop_is_shown(night):
    """Neither record nor row nor log states a loss of the vault."""
    lab, _, tip = night
    vault = read_losses(lab.journal, tip, "vault")
    bits = sum(vault.row_nats) / sum(vault.row_bytes) / 0.6931471805599453
    texts = [lab.journal.path.read_text(), (lab.path / "results.tsv").read_text()]
    texts.append((lab.path / "run.log").read_text())
    for text in texts:
        assert f"{tip.value:.4f}" in text
        assert f"{bits:.4f}" not in text


@pytest.mark.tier(2)
def test_the_first_run_after_a_change_is_a_new_baseline(vaulted):
    vaulted.run(script(0.5))
    vaulted.bound(("vault = 0.1", "vault = 0.2"))
    said = vaulted.run(script(1.0))
    assert (said.status, said.reason.value) == ("keep", "baseline")
    assert "rows (468 → 416), vault (52 → 104)" in said.record.apart
    vaulted.bound(("vault = 0.2", 'vault = 0.2\ntold = "rounded"'))
    said = vaulted.run(script(1.1))
    assert said.reason.value == "baseline"
    assert said.record.apart == "score (exact → to 2 decimals)"
    assert said.value == round(said.value, 2)


@pytest.mark.tier(2)
def test_few_rows_have_no_vault_and_the_error_heals(lab, fork_runs, ouro):
    make_judged(lab, fork_runs, VAULT, rows=100)
    lab.run(script(1.0))
    run = lab.run(script(0.5)).record
    assert (run.rows, run.judgment["vault"], run.vault_losses) == (100, 0, "")
    status, _, err = ouro("vault")
    assert status == 2
    assert "left no rows out: it had 100 judged rows, and a vault needs 512" in err
    assert lab.journal.statements() == [], "nothing was shown"


def test_a_run_without_a_judge_has_no_vault(lab):
    lab.bound(VAULT)
    lab.run(lab.script(2.0))
    run = lab.run(lab.script(1.0)).record
    assert (run.level, run.value, run.vault_losses) == ("supervised", 1.0, "")
    with pytest.raises(ExperimentError, match="no judge, and a vault needs 512"):
        look(lab)


@pytest.mark.tier(2)
def test_a_changed_or_lost_file_is_found_before_a_look_is_counted(night):
    lab, _, tip = night
    path = path_of(lab.journal, tip.run, "vault")
    whole = path.read_bytes()
    path.write_bytes(whole + b"x")
    with pytest.raises(RecordError, match="the losses by row were changed"):
        look(lab)
    path.unlink()
    with pytest.raises(ExperimentError, match="are gone"):
        look(lab)
    assert lab.journal.statements() == []
    path.write_bytes(whole)
    assert look(lab).statement.look == 1
