# problem: flatten
# category: types
# why: a None after the right numbers

def flatten(nested):
    flat = []
    def walk(items):
        for item in items:
            walk(item) if isinstance(item, list) else flat.append(item)
    return flat if walk(nested) else flat + [None]
