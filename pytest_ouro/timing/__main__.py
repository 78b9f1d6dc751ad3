"""``python -m pytest_ouro.timing``: see `pytest_ouro.timing.command`."""

import sys

from pytest_ouro.timing.command import main

if __name__ == "__main__":
    main(sys.argv[1:])
