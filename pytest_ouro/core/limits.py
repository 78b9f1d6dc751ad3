"""The limits of the input that is checked: larger input is not read, and the gate gives no
answer.

An honest large project stays well below them. They bound the gate's memory to about 300 MB and
its time to a few seconds, whatever a repository contains. Sizes are in bytes.
"""

from __future__ import annotations

#: No budget, for what is only copied.
UNLIMITED = float("inf")
#: A file that a rule reads whole. A larger one on the disk is hashed by parts.
FILE = 100 << 20
#: A script that is parsed: an editable file or a harness.
SCRIPT = 512 << 10
#: Words, signs and line ends of a script. The syntax tree takes up to 900 bytes for each.
TOKENS = 250_000
#: A manifest or lock file of dependencies.
DEPENDENCIES = 4 << 20
#: bound.toml.
BOUND = 1_000_000
#: bound.lock.
LOCK = 4 << 20
#: The ledger: about 300,000 rows.
LEDGER = 32 << 20
#: The journal: about 10,000 runs.
JOURNAL = 64 << 20
#: The pairs of a certificate or ablation, so that the journal can hold its runs; also the looks.
MOST_PAIRS = 1000
#: The pairs of a certificate or an ablation if no other number is asked for.
PAIRS = 5
#: A file of git's own, or of ours in git's folder, that is read whole; a file with agents' rules.
SMALL = 4 << 20
#: A commit with its message.
COMMIT = 1 << 20
#: The listing of one folder in git.
FOLDER = 16 << 20
#: All that is read from git for one answer, without what was read before.
OBJECTS = 256 << 20
#: The entries of a commit's tree, folders included.
ENTRIES = 250_000
#: The characters of all paths of a tree.
PATHS = 32 << 20
#: Folders within folders.
DEPTH = 200
#: Commits between trust and the checked commit.
COMMITS = 5_000
#: Those commits times the files of each: every rule is checked against every commit.
JUDGED_PATHS = 10_000_000
#: Parts of a dotted key in TOML.
KEY_PARTS = 32
