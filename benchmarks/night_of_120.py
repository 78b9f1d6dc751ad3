"""Write a realistic night into a new repository: a journal, commits and logs, and no run is made.

    python benchmarks/night_of_120.py FOLDER [--runs 120] [--devices 1] [--metrics 1] [--seed 0]
        [--certified | --not-certified | --no-certificate] [--only-crashes] [--running]

FOLDER must be empty or missing. The records are made by pytest-ouro's own functions, from
measurements that are drawn (tests/nights/). With 1,000 runs it takes some seconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.nights import Shape, write_night


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    for name, default in (("runs", 120), ("devices", 1), ("metrics", 1), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only-crashes", action="store_true")
    parser.add_argument("--running", action="store_true")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--certified", dest="certified", action="store_true", default=True)
    which.add_argument("--not-certified", dest="certified", action="store_false")
    which.add_argument("--no-certificate", dest="certified", action="store_const", const=None)
    given = vars(parser.parse_args())
    folder: Path = given.pop("folder")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        sys.exit(f"{folder} is not empty")
    write_night(folder, Shape(**given))
    print(f"{folder} (pytest-ouro log there; {time.process_time():.1f} CPU seconds)")


if __name__ == "__main__":
    main()
