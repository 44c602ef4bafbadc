# problem: flatten
# category: calls
# why: yield from in a nested generator, a list at the end

def flatten(nested):
    def walk(x):
        if isinstance(x, list):
            for y in x:
                yield from walk(y)
        else:
            yield x
    return [*walk(nested)]
