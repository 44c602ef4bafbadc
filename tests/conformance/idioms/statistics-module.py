# problem: statistics
# category: types
# why: a module of the same name as the entry point, imported inside

def statistics(values):
    import statistics as s
    return float(s.fmean(values)), float(s.pvariance(map(float, values)))
