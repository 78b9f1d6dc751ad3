"""Which files are code or settings, by their names."""

from __future__ import annotations

import posixpath

#: Endings of names of files that hold code or the settings of an experiment.
_ENDINGS = (
    "py pyx pyi ipynb sh bash zsh fish ps1 bat awk c cc cpp cxx cu cuh h hh hpp rs go js mjs "
    "cjs jsx ts tsx java jl rb r R swift zig lua pl pm php ex exs erl clj cljs fs cs vb f f90 "
    "f95 pas d nim cr dart groovy scala kt kts ml mli hs m mm sql mk cmake ninja proto glsl "
    "wgsl metal cl hip v sv vhd asm s S lisp scm rkt el tcl jsonnet lean yaml yml toml json "
    "cfg ini conf"
)
CODE = tuple(f".{ending}" for ending in _ENDINGS.split())
#: Names of such files that have no telling ending.
_NAMES = ("Makefile", "GNUmakefile", "makefile", "justfile", "Rakefile", "CMakeLists.txt")


def is_code(path: str) -> bool:
    """Return whether a path is of code or settings, by its name; False if that begins with a
    dot."""
    name = posixpath.basename(path)
    return (name.endswith(CODE) and not name.startswith(".")) or name in _NAMES
