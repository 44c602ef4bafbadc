# problem: statistics
# category: types
# why: a third value after the right two

def statistics(values):
    m = sum(values) / len(values)
    return m, sum((v - m) ** 2 for v in values) / len(values), len(values)
