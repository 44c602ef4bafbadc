# problem: flatten
# category: algorithm
# why: flattens one level

def flatten(nested):
    flat = []
    for item in nested:
        flat += item if isinstance(item, list) else [item]
    return flat
