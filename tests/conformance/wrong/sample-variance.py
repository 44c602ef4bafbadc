# problem: statistics
# category: floats
# why: divides by n - 1

def statistics(values):
    m = sum(values) / len(values)
    return m, sum((v - m) ** 2 for v in values) / (len(values) - 1)
