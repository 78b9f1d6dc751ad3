from prepare import TIME_BUDGET as _B

TIME_BUDGET = 900
