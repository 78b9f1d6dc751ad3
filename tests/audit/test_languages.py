"""Instructions in French, German and Spanish: what may change, what is fixed, what is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.onboarding.discover.prose import read

from .small import PREPARE, TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path

FRENCH = (
    "Modifie uniquement `train.py`. Ne touche jamais à `prepare.py` ni à `eval.py`.\n"
    "`val_bpb` : plus petit, c'est mieux.\n"
)
GERMAN = (
    "Ändere nur `train.py`. `prepare.py` und `eval.py` dürfen nicht geändert werden.\n"
    "`val_bpb`: kleiner ist besser.\n"
)
SPANISH = (
    "Edita solo `train.py`. No modifiques `prepare.py` ni `eval.py`.\n`val_bpb`: menor es mejor.\n"
)


@pytest.mark.parametrize("text", [FRENCH, GERMAN, SPANISH], ids=["fr", "de", "es"])
def test_files_and_the_direction_are_read(text: str) -> None:
    found = read(text, "CONSIGNES.md")

    assert found.editable == ("train.py",)
    assert found.fixed == ("prepare.py", "eval.py")
    assert found.direction("val_bpb") == "lower"


@pytest.mark.parametrize(
    ("text", "editable", "fixed"),
    [
        ("Ne modifie que `a.py`. `b.py` est figé.", ("a.py",), ("b.py",)),
        ("Modifiez seulement `a.py` et `c.py`.", ("a.py", "c.py"), ()),
        ("`b.py` ne doit pas être modifié.", (), ("b.py",)),
        ("Bearbeite nur `a.py`. Ändere `b.py` nicht.", ("a.py",), ("b.py",)),
        ("Nur `a.py` darf geändert werden; `b.py` bleibt unverändert.", ("a.py",), ("b.py",)),
        ("Solo puedes modificar `a.py`; `b.py` es fijo.", ("a.py",), ("b.py",)),
        ("No se puede cambiar `b.py`.", (), ("b.py",)),
        ("Lance `a.py`, puis note le résultat de `b.py`.", (), ()),
        ("Starte `a.py` und `b.py` nicht zu oft.", (), ()),
        ("Ejecuta `a.py` y no olvides `b.py`.", (), ()),
    ],
)
def test_phrases_say_what_may_change(
    text: str, editable: tuple[str, ...], fixed: tuple[str, ...]
) -> None:
    found = read(text, "AGENTS.md")

    assert (found.editable, found.fixed) == (editable, fixed)


@pytest.mark.parametrize(
    ("words", "direction"),
    [
        ("plus grand est mieux", "higher"),
        ("je höher, desto besser", "higher"),
        ("más alto es mejor", "higher"),
        ("plus vite, c'est dommage", ""),
    ],
)
def test_the_direction_is_read(words: str, direction: str) -> None:
    assert read(f"`taux` : {words}.", "AGENTS.md").direction("taux") == direction


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "discarded"])
def test_a_change_of_what_is_fixed_is_an_error_if_it_is_kept(kept: bool, tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.write("CONSIGNES.md", GERMAN)
    loop.log(loop.save("Start"), "1.000000", "1.0", "keep", "baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.write("prepare.py", PREPARE.replace("1.0", "0.5"))
    loop.write("train.py", TRAIN.format(lr=0.03))
    status = "keep" if kept else "discard"
    loop.log(loop.save("rate 3"), "0.970000" if kept else "1.1", "1.0", status, "rate 3")
    if not kept:
        loop.git("revert", "--no-edit", "HEAD")
    loop.save("log")

    found = [
        one.severity for check in ("frozen", "frozen-symbol") for one in about(loop.audit(), check)
    ]
    assert ("error" in found) is kept
