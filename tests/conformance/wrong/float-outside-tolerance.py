# problem: statistics
# category: floats
# why: rounded to three decimals

def statistics(values):
    m = sum(values) / len(values)
    return round(m, 3), round(sum((v - m) ** 2 for v in values) / len(values), 3)
