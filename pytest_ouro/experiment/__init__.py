"""One supervised run: worktree, launcher, clock, record and verdict. Knows no pytest."""
