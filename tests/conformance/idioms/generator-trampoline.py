# problem: chain
# category: recursion
# why: the "bootstrap" decorator: recursion on a stack of generators

from types import GeneratorType
def bootstrap(f, stack=[]):
    def wrapped(*args):
        if stack:
            return f(*args)
        to = f(*args)
        while True:
            if type(to) is GeneratorType:
                stack.append(to)
                to = next(to)
            else:
                stack.pop()
                if not stack:
                    return to
                to = stack[-1].send(to)
    return wrapped
n = int(input())
below = [[] for _ in range(n + 1)]
for i, p in enumerate(input().split(), 2):
    below[int(p)].append(i)
best = total = 0
@bootstrap
def visit(node, depth):
    global best, total
    best, total = max(best, depth), total + depth
    for child in below[node]:
        yield visit(child, depth + 1)
    yield None
visit(1, 0)
print(best, total)
