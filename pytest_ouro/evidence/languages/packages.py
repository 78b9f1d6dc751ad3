"""The packages that a project of another language than Python declares, and that its code loads or
installs."""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING, Any

from pytest_ouro.evidence import toml
from pytest_ouro.evidence.languages.text import without_comments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_GO = re.compile(r"(?m)^[ \t]*(?:require[ \t]+)?([\w.-]+\.[\w-]+/[^\s]+)[ \t]+v\d")
_GO_MODULE = re.compile(r"(?m)^module[ \t]+(\S+)")
_GO_IMPORT = re.compile(r"(?ms)^[ \t]*import[ \t]+(?:\((.*?)^[ \t]*\)|(.*?)$)")
_JS_IMPORT = re.compile(
    r"""(?:\brequire\(|\bfrom[ \t]+|\bimport[ \t]*\(?[ \t]*)["']((?!node:)[@A-Za-z][\w@./-]*)["']"""
)
_JULIA = re.compile(r"(?m)^[ \t]*(?:using|import)[ \t]+([A-Z][\w, \t]*)")
_R = re.compile(
    r"\b(?:library|require|requireNamespace)\([\"']?([A-Za-z][\w.]*)|\b([A-Za-z][\w.]+):::?"
)
_INSTALLS = re.compile(
    r"\b(?:pip3?|uv pip|conda|mamba|npm|pnpm|yarn|bun|cargo|gem|apt|apt-get|apk|brew|go|opam"
    r"|luarocks)"
    r"[ \t]+(?:-\S+[ \t]+)*(?:install|add|get|i)[ \t]+[\w@\"'.-]+"
    r"|\bPkg\.add\(|\binstall\.packages\(|\bCREATE[ \t]+EXTENSION\b|\bcpanm?[ \t]+\w"
)
_RUBY = re.compile(r"""(?m)^[ \t]*gem[ \t(]+["']([\w-]+)""")
_GRADLE = re.compile(
    r"""(?m)^[ \t]*(?:implementation|api|compileOnly|runtimeOnly)[ \t(]+["']([\w.-]+:[\w.-]+)"""
)
_XML = re.compile(r"<artifactId>([^<]+)<|<PackageReference[^>]*Include=\"([^\"]+)\"")
_MIX = re.compile(r"\{:(\w+),")
_SWIFT = re.compile(r"""\.package\([^)]*url:[ \t]*"([^"]+)\"""")
_PUB = re.compile(r"(?m)^dependencies:[ \t]*\n((?:[ \t]+.*\n?|[ \t]*\n)*)")
#: Modules that come with the language.
_NODE_NAMES = (
    "assert buffer child_process cluster console crypto dgram dns events fs http http2 https "
    "module net os path perf_hooks process querystring readline repl stream string_decoder "
    "sys timers tls tty url util v8 vm worker_threads zlib test async_hooks"
)
_NODE = frozenset(_NODE_NAMES.split())
_JULIA_OWN_NAMES = (
    "Base Core Main ArgTools Artifacts Base64 CRC32c Dates DelimitedFiles Distributed "
    "Downloads FileWatching Future InteractiveUtils LazyArtifacts LibGit2 LinearAlgebra "
    "Logging Markdown Mmap NetworkOptions Pkg Printf Profile REPL Random SHA Serialization "
    "SharedArrays Sockets SparseArrays Statistics SuiteSparse TOML Tar Test UUIDs Unicode "
    "Libdl"
)
_JULIA_OWN = frozenset(_JULIA_OWN_NAMES.split())
_R_OWN_NAMES = (
    "base compiler datasets grDevices graphics grid methods parallel splines stats stats4 "
    "tcltk tools utils MASS Matrix boot class cluster codetools foreign KernSmooth lattice "
    "mgcv nlme nnet rpart spatial survival"
)
_R_OWN = frozenset(_R_OWN_NAMES.split())


def declared(path: str, text: str) -> set[str] | None:
    """Return the packages that a manifest declares; None if its format is not known, or it cannot
    be parsed."""
    name = posixpath.basename(path)
    read = _MANIFESTS.get(name) or (_read_xml if name.endswith(("proj", "pom.xml")) else None)
    if read is None:
        return None
    try:
        return read(text)
    except (ValueError, RecursionError, AttributeError, TypeError):
        return None


def loaded(path: str, text: str) -> set[str]:
    """Return the packages that code in Go, JavaScript, TypeScript, Julia or R loads, without what
    comes with the language and relative paths; of a package of JavaScript, without the path in it.
    The packages of a project's own Go module are included. The empty set for another language."""
    ending = posixpath.splitext(path)[1]
    code = without_comments(path, text)
    if ending == ".go":
        blocks = "\n".join("".join(pair) for pair in _GO_IMPORT.findall(code))
        return {name for name in re.findall(r'"([^"]+)"', blocks) if "." in name.split("/")[0]}
    if ending in (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx"):
        return {
            "/".join(name.split("/")[: 2 if name.startswith("@") else 1])
            for name in _JS_IMPORT.findall(code)
        } - _NODE
    if ending == ".jl":
        names = (one.strip() for part in _JULIA.findall(code) for one in part.split(","))
        return {name.split(".")[0] for name in names if name} - _JULIA_OWN
    if ending.lower() == ".r":
        return {"".join(pair) for pair in _R.findall(code)} - _R_OWN
    return set()


def is_declared(package: str, among: Iterable[str]) -> bool:
    """Return whether a package is one of those that are declared, or a part of one, as
    ``example.org/a/b`` is of ``example.org/a``."""
    return any(package == one or package.startswith(f"{one}/") for one in among)


def installs(path: str, text: str) -> set[str]:
    """Return the beginnings, up to the first package, of the commands that install packages in a
    text without its comments."""
    return {found[0].strip() for found in _INSTALLS.finditer(without_comments(path, text))}


def own_module(text: str) -> str:
    """Return the name of the module that a go.mod declares; "" if it declares none."""
    found = _GO_MODULE.search(text)
    return found[1] if found else ""


def _keys(*names: str) -> Callable[[str], set[str]]:
    """Return a function that reads the keys of these tables of a TOML text."""

    def read(text: str) -> set[str]:
        found = toml.loads(text)
        return {key for name in names for key in _table(found, name)}

    return read


def _json_keys(*names: str) -> Callable[[str], set[str]]:
    """Return a function that reads the keys of these objects of a JSON text, or its texts if one
    is a list."""

    def read(text: str) -> set[str]:
        found = json.loads(text)
        return {str(key) for name in names for key in _table(found, name)}

    return read


def _table(found: Any, name: str) -> Iterable[str]:
    """Return the keys of a table of a document, or the texts of a list in it; [] if it has none.
    Raise AttributeError if the document is not a table."""
    value = found.get(name, ())
    return [one for one in value if isinstance(one, str)]


def _all(pattern: re.Pattern[str]) -> Callable[[str], set[str]]:
    """Return a function that returns what the only group of a pattern matches anywhere in a
    text."""
    return lambda text: set(pattern.findall(text))


def _read_xml(text: str) -> set[str]:
    """Return the artifact ids of an XML file of Maven, or the packages that one of .NET
    includes."""
    return {"".join(pair) for pair in _XML.findall(text)}


def _read_pub(text: str) -> set[str]:
    """Return the packages under ``dependencies`` of a pubspec.yaml, and other keys there that are
    indented by at most four blanks."""
    block = _PUB.search(text)
    return set(re.findall(r"(?m)^[ \t]{1,4}(\w+):", block[1])) if block else set()


_JS = _json_keys(
    "dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "imports"
)
_MANIFESTS: dict[str, Callable[[str], set[str]]] = {
    "go.mod": _all(_GO),
    "package.json": _JS,
    "deno.json": _JS,
    "bower.json": _JS,
    "composer.json": _json_keys("require", "require-dev"),
    "vcpkg.json": _json_keys("dependencies"),
    "Cargo.toml": _keys("dependencies", "dev-dependencies", "build-dependencies"),
    "Project.toml": _keys("deps", "weakdeps"),
    "Gemfile": _all(_RUBY),
    "build.gradle": _all(_GRADLE),
    "build.gradle.kts": _all(_GRADLE),
    "mix.exs": _all(_MIX),
    "Package.swift": _all(_SWIFT),
    "pubspec.yaml": _read_pub,
    "pom.xml": _read_xml,
}
