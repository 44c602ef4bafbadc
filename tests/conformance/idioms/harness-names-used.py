# problem: flatten
# category: names
# why: names that a harness may use too: solution, main, check, test, result, tests

tests, result, expected, passed, args = [], None, 0, False, ()
def main(): raise RuntimeError("nobody calls this")
def check(candidate): assert False
def test(): assert False
def solution(items): return isinstance(items, list)
def flatten(nested):
    global result, expected
    result = []
    for item in nested:
        if solution(item):
            kept = result
            found = flatten(item)
            result = kept + found
        else:
            result = result + [item]
        expected += 1
    return result
