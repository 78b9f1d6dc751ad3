from prepare import TIME_BUDGET as _B

TIME_BUDGET = _B
BUDGET = _B
