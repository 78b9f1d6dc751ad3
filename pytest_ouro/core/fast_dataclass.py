"""Frozen dataclasses at a fraction of their price, for all that the gate reads and says.

`dataclasses` imports `inspect`, and writes and compiles the methods of every class: half of what a
gate used to cost. Here they are made of closures. Type checkers see the original, and its
`replace`, `asdict` and `fields` work too: what they look for is made when they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

#: What stands for a default where there is none.
MISSING: Any = object()


class Field:
    """One field of a class. Where it is a key of a format, ``help`` says what it means and
    ``limits`` which values it takes (`schema.Limits`).

    ``metadata`` is what a user of the field says about it, as in `dataclasses`.
    """

    name = ""

    def __init__(
        self,
        *,
        default: Any = MISSING,
        default_factory: Any = MISSING,
        help: str = "",
        limits: Any = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.default, self.default_factory = default, default_factory
        self.help, self.limits = help, limits
        self.metadata: Mapping[str, Any] = metadata or {}

    @property
    def required(self) -> bool:
        return self.default is MISSING and self.default_factory is MISSING

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        """The default alone, as `dataclasses` wants to find it in a class of people's own."""
        if self.default is MISSING:
            raise AttributeError(self.name)
        return self.default


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:
    field = Field

    def replace(value: T, /, **changes: Any) -> T:
        """A copy with some fields changed."""
        now = {made.name: getattr(value, made.name) for made in fields(type(value))}
        return type(value)(**{**now, **changes})

    def dataclass(*, frozen: bool, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
        """As in `dataclasses`; only frozen ones are made here."""
        assert frozen
        return lambda cls: _made(cls, kw_only=kw_only)


def fields(cls: type) -> tuple[Field, ...]:
    """The fields of a class that was made here, or by `dataclasses` itself."""
    if not isinstance(vars(cls).get("__dataclass_fields__"), dict):
        found: tuple[Field, ...] = getattr(cls, "__fields__", ())
        return found
    import dataclasses

    found = ()
    for original in dataclasses.fields(cls):
        if original.init:
            given: dict[str, Any] = {
                "default": original.default,
                "default_factory": original.default_factory,
            }
            given = {key: v for key, v in given.items() if v is not dataclasses.MISSING}
            stated = next(
                (vars(c)[original.name] for c in cls.__mro__ if original.name in vars(c)), 0
            )
            if not isinstance(stated, Field):
                about = original.metadata
                stated = Field(**given, help=about.get("help", ""), metadata=about)
                stated.name = original.name
            found += (stated,)
    return found


def _made(cls: type[T], *, kw_only: bool) -> type[T]:
    own = [_own(cls, name) for name, hint in cls.__annotations__.items() if "ClassVar" not in hint]
    every = {made.name: made for made in (*fields(cls), *own)}
    methods = {
        "__fields__": tuple(every.values()),
        "__init__": _initialiser(cls, tuple(every.values()), kw_only=kw_only),
        "__repr__": _repr,
        "__eq__": _eq,
        "__hash__": _hash,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__dataclass_fields__": _Original("__dataclass_fields__", kw_only),
        "__dataclass_params__": _Original("__dataclass_params__", kw_only),
    }
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


def _own(cls: type, name: str) -> Field:
    """A field that the class states, whose default alone stays in it."""
    stated = vars(cls).get(name, MISSING)
    if not isinstance(stated, Field):
        made = Field(default=stated)
        made.name = name
        return made
    if stated.default is MISSING:
        delattr(cls, name)
    else:
        setattr(cls, name, stated.default)
    return stated


def _initialiser(cls: type, every: tuple[Field, ...], *, kw_only: bool) -> Callable[..., None]:
    names = [made.name for made in every]
    places = () if kw_only else tuple(names)
    defaults = {made.name: made.default for made in every if made.default is not MISSING}
    factories = {f.name: f.default_factory for f in every if f.default_factory is not MISSING}
    known = frozenset(names)
    has_post_init = hasattr(cls, "__post_init__")

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        placed = dict(zip(places, args, strict=False))
        values = {**defaults, **placed, **named}
        for name in factories.keys() - values.keys():
            values[name] = factories[name]()
        if values.keys() != known or len(args) > len(places) or placed.keys() & named.keys():
            raise TypeError(f"{cls.__name__} takes {', '.join(names)}; given: {args}, {named}")
        vars(self).update(values)
        if has_post_init:
            self.__post_init__()

    return __init__


def _values(self: Any) -> tuple[Any, ...]:
    state = vars(self)
    return tuple([state[made.name] for made in self.__fields__])


def _repr(self: Any) -> str:
    words = [f"{made.name}={getattr(self, made.name)!r}" for made in self.__fields__]
    return f"{type(self).__qualname__}({', '.join(words)})"


def _eq(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _refuse(self: Any, name: str, value: object = None) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be changed")


class _Original:
    """An attribute by which `dataclasses` knows what it made, copied from what it would make."""

    def __init__(self, name: str, kw_only: bool) -> None:
        self._name, self._kw_only = name, kw_only

    def __get__(self, instance: object, owner: type) -> Any:
        import dataclasses

        made = dataclasses.make_dataclass(
            owner.__name__,
            [(f.name, "object", _original(f)) for f in fields(owner)],
            frozen=True,
            kw_only=self._kw_only,
        )
        return getattr(made, self._name)


def _original(made: Field) -> Any:
    import dataclasses

    given = {"default": made.default, "default_factory": made.default_factory}
    given = {key: value for key, value in given.items() if value is not MISSING}
    return dataclasses.field(**given, metadata={"help": made.help, **made.metadata})
