# problem: flatten
# category: calls
# why: structural pattern matching

def flatten(nested):
    match nested:
        case []:
            return []
        case [[*inner], *rest]:
            return flatten(inner) + flatten(rest)
        case [first, *rest]:
            return [first] + flatten(rest)
        case _:
            raise TypeError(nested)
