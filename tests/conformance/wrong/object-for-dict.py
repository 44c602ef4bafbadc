# problem: describe
# category: types
# why: an object with the right attributes where a dict is expected

from types import SimpleNamespace
def describe(n):
    names = {7: "seven", 1000003: "million and three"}
    return SimpleNamespace(even=n % 2 == 0, digits=len(str(abs(n))), name=names.get(n), half=n / 2)
