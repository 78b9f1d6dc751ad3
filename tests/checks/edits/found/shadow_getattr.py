import prepare

x = getattr(prepare, "TIME_BUDGET")
TIME_BUDGET = x * 3
