"""``frozen-symbol``: a function of the harness has the trusted meaning, with all it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.checks._editable import parse
from pytest_ouro.checks._remedy import places, undo_command
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several
from pytest_ouro.core.schema import FILLED, NAME, option
from pytest_ouro.evidence.paths import RepoPath  # noqa: TC001  # the schema reads the type
from pytest_ouro.evidence.python.source_encoding import decode, defines, demand_readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence, Layout
    from pytest_ouro.evidence.repository import Place


@dataclass(frozen=True, kw_only=True)
class FrozenSymbol(Check):
    """A function, class or constant has the same meaning as in trust, with all helpers and
    constants that it uses, and no file in the working tree is imported in place of the harness or a
    package. Comments, layout and docstrings may change. The rule is also broken if trust lacks the
    file, or if the trusted file lacks the symbol."""

    path: RepoPath = option("the file, relative to the experiment's root", pattern=FILLED)
    symbol: str = option("the function or constant", pattern=NAME)

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield one finding and no other if trust lacks the file or the trusted file lacks the
        symbol. Otherwise yield one for each way in which the symbol changed, and one for each file
        of `Evidence.shadows`. OuroError if the trusted file cannot be parsed."""
        path = evidence.layout.path(self.path)
        blessed = evidence.trust.read(path)
        if blessed is None:
            yield Finding(
                f"{self.path} is not among the trusted files: {self.symbol} is not protected",
                where=f"trust: {evidence.trust}",
                help="fix 'path' in bound.toml, or a person blesses the file: pytest-ouro bless",
            )
            return
        if not self._is_defined(evidence, blessed):
            yield Finding(
                f"{self.path} defines no {self.symbol}: nothing is protected",
                where=f"trust: {evidence.trust}",
                help="fix 'symbol' in bound.toml",
            )
            return
        yield from self._changed(evidence, path, blessed)
        yield from self._shadowed(evidence)

    def _is_defined(self, evidence: Evidence, blessed: bytes) -> bool:
        """Return whether the trusted file, whose bytes are ``blessed``, binds the symbol at its top
        level. A line without indent that begins as a definition or assignment of it is taken for
        one, in a docstring too; only without such a line is the file parsed. OuroError if it cannot
        be parsed."""
        text = decode(blessed)
        if defines(text, self.symbol):
            return True
        return self.symbol in parse(evidence, self.path, blessed).bindings

    def _changed(self, evidence: Evidence, path: str, blessed: bytes) -> Iterator[Finding]:
        """Yield one finding for each different way in which the symbol differs from trust in a
        checked place, with the places that introduced it. ``blessed`` is the trusted bytes of the
        file at ``path``."""
        versions = evidence.repository.contents([path])[path]
        found: dict[str, dict[Place, bytes | None]] = {}
        for place, data in versions.items():
            if data != blessed and (change := self._difference(evidence, blessed, data)):
                found.setdefault(change, {})[place] = data
        for change, now in found.items():

            def fault(data: bytes | None) -> str:
                """Return in words how the symbol differs from trust; "" if it does not."""
                return "" if data == blessed else self._difference(evidence, blessed, data)

            where, _ = places(evidence, path, now, fault)
            yield Finding(
                f"{self.symbol} changed: {change}",
                where=f"{path}, changed in: {several(where)}",
                help=undo_command(evidence, path),
                facts={"path": path, "symbol": self.symbol},
                paths=(path,),
            )

    def _difference(self, evidence: Evidence, blessed: bytes, data: bytes | None) -> str:
        """Return in words how the symbol, or a name that it uses, differs between the trusted bytes
        and ``data`` (None: the file is gone); "" if it does not. If ``data`` is not Python, or is
        nested too deeply, that is the difference. OuroError if the trusted bytes cannot be parsed,
        or ``data`` is too large or has an encoding that is not read."""
        if data is None:
            return f"{self.path} is gone"
        from pytest_ouro.evidence.python.source import Source

        demand_readable(data, self.path)
        before = Source(decode(blessed))
        try:
            after = Source(decode(data, strict=True))
        except SyntaxError as error:
            return f"{self.path}:{error.lineno or 1}: not Python any more"
        if after.text == before.text:
            return ""
        parse(evidence, self.path, blessed)  # OuroError if this Python cannot read it
        try:
            reached = before.reached_from(self.symbol) | after.reached_from(self.symbol)
            changed = sorted(n for n in reached if before.meaning(n) != after.meaning(n))
        except SyntaxError as error:
            line = f":{error.lineno}" if error.lineno else ""
            return f"{self.path}{line}: not Python any more"
        except RecursionError:
            return f"{self.path} is nested too deeply to be read"
        if not changed:
            return ""
        if self.symbol in changed:
            changed.remove(self.symbol)
            return "its own code" + (f", and {several(changed)}" if changed else "")
        return f"{several(changed)}, which it uses"

    def _shadowed(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield a finding for each file or folder of `Evidence.shadows`. These are files in the
        working tree that would be imported in place of the harness or a package, and files such as
        ``sitecustomize.py`` that every interpreter runs when it starts."""
        for path, what in evidence.shadows:
            yield Finding(
                f"{path} {what}",
                where="in the working tree",
                help=f"remove it: rm -r {evidence.repository.git.word(path)}",
                facts={"path": path},
                paths=(path,),
            )

    def protects(self, layout: Layout) -> Protection:
        """Return that the file with the symbol is frozen as a whole."""
        return Protection(frozen=[layout.path(self.path)])

    def trusted_paths(self, evidence: Evidence) -> list[str]:
        """Return a list of one path, that of the file relative to the repository's top, whether or
        not the file is there."""
        return [evidence.layout.path(self.path)]
