# problem: statistics
# category: types
# why: a list where a tuple is expected

def statistics(values):
    m = sum(values) / len(values)
    return [m, sum((v - m) ** 2 for v in values) / len(values)]
