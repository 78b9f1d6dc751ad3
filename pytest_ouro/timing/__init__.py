"""Measure how fast a program is beside a reference, for evaluations of commands.

``python -m pytest_ouro.timing`` runs two programs alternately and prints how much time each takes
(`pytest_ouro.timing.command`). An evaluation in Python asks two programs questions alternately
(`Asked`, `compare`), which leaves out their start. It imports nothing beside the standard library.
"""

from pytest_ouro.timing.amounts import Refused as Refused
from pytest_ouro.timing.comparison import Comparison as Comparison
from pytest_ouro.timing.programs import Asked as Asked
from pytest_ouro.timing.programs import Whole as Whole
from pytest_ouro.timing.rounds import compare as compare

__all__ = ["Asked", "Comparison", "Refused", "Whole", "compare"]
