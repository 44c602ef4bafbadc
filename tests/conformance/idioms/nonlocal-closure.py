# problem: flatten
# category: calls
# why: a closure with nonlocal

def flatten(nested):
    flat, count = [], 0
    def visit(item):
        nonlocal count, flat
        if type(item) == list:
            for x in item:
                visit(x)
        else:
            count += 1
            flat = flat + [item]
    visit(nested)
    assert count == len(flat)
    return flat
