# problem: statistics
# category: floats
# why: NaN for a number

def statistics(values):
    return float("nan"), float("nan")
