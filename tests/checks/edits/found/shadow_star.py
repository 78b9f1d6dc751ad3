from prepare import *

TIME_BUDGET = 900
