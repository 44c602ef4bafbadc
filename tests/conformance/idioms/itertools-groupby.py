# problem: longest-run
# category: code
# why: groupby and max with a key, for a HumanEval-like check

from itertools import groupby
def longest_run(text):
    runs = [(k, len(list(g))) for k, g in groupby(text)]
    return max(runs, key=lambda run: run[1], default=("", 0))
