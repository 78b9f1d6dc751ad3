import prepare as p

x = p.TIME_BUDGET
TIME_BUDGET = 900
