# problem: statistics
# category: types
# why: formatted numbers where floats are expected

def statistics(values):
    m = sum(values) / len(values)
    return f"{m}", f"{sum((v - m) ** 2 for v in values) / len(values)}"
