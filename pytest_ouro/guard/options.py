"""Split the arguments of a program into options and plain arguments."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def split(
    args: Sequence[str], valued: Sequence[str] = (), *, attached: Sequence[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """Return a tuple: the plain arguments in their order, and a dict from option to value. Options
    keep their dashes, in the dict, in ``valued`` and in ``attached``.

    A long option has the value after ``=``. Without ``=``, an option in ``valued`` takes the next
    argument ("" if there is none), and any other has the value "". The letters of ``-abc`` are
    three options; a letter in ``valued`` takes the rest of the word, or else the next argument,
    and one in ``attached`` the rest of the word alone. A dash alone is plain, and so is everything
    after ``--``, which is dropped. Of an option that is given twice, the last value counts.
    """
    plain: list[str] = []
    options: dict[str, str] = {}
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            plain.extend(rest)
        elif arg.startswith("--"):
            name, equals, value = arg.partition("=")
            options[name] = value if equals or name not in valued else next(rest, "")
        elif arg.startswith("-") and len(arg) > 1:
            for number, letter in enumerate(arg[1:], start=2):
                if f"-{letter}" in valued or f"-{letter}" in attached:
                    value = arg[number:]
                    taken = f"-{letter}" in valued and not value
                    options[f"-{letter}"] = next(rest, "") if taken else value
                    break
                options[f"-{letter}"] = ""
        else:
            plain.append(arg)
    return plain, options
