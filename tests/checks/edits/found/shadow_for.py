from prepare import TIME_BUDGET as B

for TIME_BUDGET in (900,):
    pass
