# problem: statistics
# category: types
# why: ints where the mean is a whole number

def statistics(values):
    def tidy(x):
        return int(x) if x == int(x) else x
    m = sum(values) / len(values)
    return tidy(m), tidy(sum((v - m) ** 2 for v in values) / len(values))
