# problem: longest-run
# category: types
# why: a list where the test's == wants a tuple

def longest_run(text):
    best, start = ["", 0], 0
    for i in range(1, len(text) + 1):
        if i == len(text) or text[i] != text[start]:
            if i - start > best[1]:
                best = [text[start], i - start]
            start = i
    return best
