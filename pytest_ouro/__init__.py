"""pytest-ouro: the referee of autonomous experiment loops.

Imports nothing: the pytest entry point imports this package first, on every pytest run.
"""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("pytest-ouro")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
