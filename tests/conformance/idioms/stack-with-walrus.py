# problem: flatten
# category: calls
# why: the walrus operator in a loop over a stack

def flatten(nested):
    stack, flat = [iter(nested)], []
    end = object()
    while stack:
        if (item := next(stack[-1], end)) is end:
            stack.pop()
        elif isinstance(item, list):
            stack.append(iter(item))
        else:
            flat.append(item)
    return flat
