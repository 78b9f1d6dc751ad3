"""``frozen-data``: tokenizer, token bytes and validation data are the blessed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.escape import quoted
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several
from pytest_ouro.core.schema import FILLED, option
from pytest_ouro.evidence import data
from pytest_ouro.evidence.content import short
from pytest_ouro.evidence.paths import DataGlob  # noqa: TC001  # the schema reads the type

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.evidence.evidence import Evidence, Layout


@dataclass(frozen=True, kw_only=True)
class FrozenData(Check):
    """The files that ``paths`` and ``train`` name (tokenizer, token bytes, validation and training
    data) are the blessed ones, no other file is among them, and no training shard is a copy of a
    file that ``paths`` names. Checked before and after every run; skipped for a commit, and if none
    of the files is on this machine. While no digest of those that are here is blessed, the rule
    only warns, except about copies."""

    paths: tuple[DataGlob, ...] = option(
        "the files (globs, `~` allowed); by default `data` of [experiment]",
        default=(),
        pattern=FILLED,
    )
    train: tuple[DataGlob, ...] = option(
        "the training shards among them: none may hold the same bytes as another file",
        default=(),
        pattern=FILLED,
    )

    after_run = True

    def skipped(self, evidence: Evidence) -> str:
        """Return why the data is not compared: a commit is checked, or none of the files is on this
        machine; else ""."""
        if evidence.repository.subject == "commit":
            return "about the data of a machine, not about a commit"
        return "" if self._present(evidence) else "the data is not on this machine"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield a finding for each file that is changed, not blessed, or gone from a folder that
        still has another, or one warning if none of the present files has a blessed digest; then
        one for each training file that is a copy of one that ``paths`` names. OuroError if a file
        cannot be read."""
        present = evidence.fingerprints.of(self._present(evidence))
        blessed, root = evidence.trust.data, evidence.root
        named = data.names(self.data_globs(evidence.layout), root)
        now = {
            data.blessed_name(path, named.get(path, ""), root, blessed): digest
            for path, digest in present.items()
        }
        if not blessed.keys() & now.keys():
            yield Finding(
                f"no fingerprint of the data is blessed ({several(sorted(now))})",
                where=f"trust: {evidence.trust}",
                help="a person blesses the data as it is: pytest-ouro bless",
                warns=True,
            )
        else:
            yield from self._changed(evidence, blessed, now)
        yield from self._copies(evidence, present)

    def _changed(
        self, evidence: Evidence, blessed: dict[str, str], now: dict[str, str]
    ) -> Iterator[Finding]:
        """Yield a finding for each present file that is not blessed or has another digest, and for
        each blessed file that is not present, in a folder that has a present one. Both dicts map
        the name of a file, as in bound.lock, to its sha256."""
        help = "make the data again, or a person blesses it as it is: pytest-ouro bless"
        for name, digest in sorted(now.items()):
            if name not in blessed:
                yield Finding(
                    f"{name} is a foreign file: it was not blessed",
                    help=f"remove it: rm {_word(evidence, name)}",
                    facts={"path": name},
                )
            elif blessed[name] != digest:
                yield Finding(
                    f"{name} changed (sha256 {short(blessed[name])} → {short(digest)})",
                    expected=blessed[name],
                    actual=digest,
                    help=help,
                    facts={"path": name},
                )
        folders = {name.rpartition("/")[0] for name in now}
        for name in sorted(blessed.keys() - now.keys()):
            if name.rpartition("/")[0] in folders:
                yield Finding(f"{name} is gone", help=help, facts={"path": name})

    def _copies(self, evidence: Evidence, present: dict[Path, str]) -> Iterator[Finding]:
        """Yield a finding for each training file that is a copy: a file that no glob of ``paths``
        names and that has the same digest as a file that one names. If ``paths`` is empty, the
        globs are those of the experiment's ``data``. ``present`` maps each file of the rule on this
        machine to its sha256."""
        fixed = set(data.matched(self.paths or evidence.layout.data, evidence.root))
        others = {digest: path for path, digest in present.items() if path in fixed}
        for path, digest in present.items():
            if path not in fixed and digest in others:
                yield Finding(
                    f"{path.name} among the training data is a copy of {others[digest].name}",
                    where=str(path.parent),
                    help=f"remove it: rm {quoted(str(path))}",
                    facts={"path": path.name},
                )

    def _present(self, evidence: Evidence) -> list[Path]:
        """Return the sorted files of this rule that are on this machine; [] if there are none."""
        return sorted(self.trusted_data(evidence))

    def data_globs(self, layout: Layout) -> tuple[str, ...]:
        """Return the globs of ``paths`` (of the experiment's ``data`` if ``paths`` is empty), then
        those of ``train``, as bound.toml has them."""
        return (*(self.paths or layout.data), *self.train)


def _word(evidence: Evidence, name: str) -> str:
    """Return a data file, given by its name in bound.lock (absolute, below ``~``, or relative to
    the experiment's root), as a word of a shell's command."""
    if name.startswith(("~/", "/")):
        return quoted(name)
    return evidence.repository.git.word(evidence.layout.path(name))
