# problem: flatten
# category: types
# why: returns what list.append returns

def flatten(nested):
    flat = []
    for item in nested:
        result = flat.extend(flatten(item) or []) if isinstance(item, list) else flat.append(item)
    return result if nested else flat
