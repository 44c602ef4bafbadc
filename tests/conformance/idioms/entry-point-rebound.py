# problem: flatten
# category: names
# why: the entry point is a lambda, rebound before use

flatten = None
flatten = lambda nested: [
    x for item in nested for x in (flatten(item) if type(item) is list else (item,))
]
