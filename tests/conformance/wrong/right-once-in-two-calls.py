# problem: flatten
# category: state
# why: answers every second call only

calls = 0
def flatten(nested):
    global calls
    calls += 1
    stack, flat = list(nested), []
    while stack:
        item = stack.pop(0)
        stack, flat = (item + stack, flat) if isinstance(item, list) else (stack, flat + [item])
    return flat if calls % 2 else None
