from . import prepare as p

p.TIME_BUDGET = 1
