# problem: longest-run
# category: code
# why: a whole program with tests of its own under __main__

import sys
def longest_run(text):
    best, current = ("", 0), ["", 0]
    for c in text:
        current = [c, current[1] + 1] if c == current[0] else [c, 1]
        if current[1] > best[1]:
            best = tuple(current)
    return best
def check_mine():
    assert longest_run("aab") == ("a", 2)
check_mine()
if __name__ == "__main__":
    import doctest
    doctest.testmod()
    sys.exit(0)
