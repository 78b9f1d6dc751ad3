from prepare import evaluate_bpb

TIME_BUDGET = 900
