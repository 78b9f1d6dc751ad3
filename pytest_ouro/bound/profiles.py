"""Read a table of bound.toml that may differ by device, such as [verdict] with [verdict.cpu]."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_ouro.core.errors import nearest
from pytest_ouro.core.problems import table_name
from pytest_ouro.core.schema import read_table, read_values, retired_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ouro.core.problems import Problems, Where

T = TypeVar("T")

#: The devices that may have tables of their own in [experiment] and [verdict].
DEVICES = ("cpu", "cuda")


def read_profiles(
    cls: type[T], base: object, name: str, replaceable: Iterable[str], problems: Problems
) -> dict[str, T]:
    """Return a dict from "cpu" and "cuda" to the table ``name`` of that device, as an instance of
    ``cls``. It has the values of ``base``, of which the device's own table may replace the keys
    ``replaceable``. A device that replaces the budget does not get the ``tolerance`` and
    ``timeout`` of ``base``, and one that replaces the clock not its ``steps``. Add faults to
    ``problems`` and leave out a device with one; {} if ``base`` is not a table or has one."""
    whole = read_table(cls, base, (name,), problems, also=DEVICES)
    if not isinstance(base, dict):
        return {}
    shared = {key: value for key, value in base.items() if key not in DEVICES}
    found = {}
    for device in DEVICES:
        where = (name, device)
        override = _read_override(cls, base, where, replaceable, problems)
        if whole is None or override is None:
            continue
        # Limits that were derived from another budget are not inherited with it.
        lost = {"tolerance", "timeout"} if "budget" in override else set()
        lost |= {"steps"} if "clock" in override else set()
        kept = {key: value for key, value in shared.items() if key not in lost}
        profile = read_table(cls, {**kept, **override}, where, problems) if override else whole
        if profile is not None:
            found[device] = profile
    return found


def _read_override(
    cls: type,
    base: Mapping[str, object],
    where: Where,
    replaceable: Iterable[str],
    problems: Problems,
) -> Mapping[str, object] | None:
    """Return the keys and unconverted values of one device's table in ``base``, the last of
    ``where``; {} if it is empty or absent. Return None, with the faults added to ``problems``, if
    it is invalid or has a key that is not in ``replaceable``."""
    override, name = base.get(str(where[-1]), {}), table_name(where)
    if not isinstance(override, dict):
        problems.add(where, f"[{name}] must be a table")
        return None
    before = len(problems.found)
    for key in override.keys() - set(replaceable):
        gone = retired_key(cls, key, {**base, **override}, name)
        text = gone or f"'{key}' cannot be set in [{name}]{nearest(key, replaceable)}"
        problems.add((*where, key), text)
    known = {key: value for key, value in override.items() if key in replaceable}
    read_values(cls, known, where, problems)
    return known if len(problems.found) == before else None
