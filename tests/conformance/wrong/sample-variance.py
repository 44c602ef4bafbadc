# problem: statistics
# category: floats
# why: the variance of a sample, where that of the whole population is wanted

def statistics(values):
    m = sum(values) / len(values)
    return m, sum((v - m) ** 2 for v in values) / (len(values) - 1)
