# problem: longest-run
# category: crashes
# why: an empty text is an IndexError
# status: RUNTIME_ERROR

def longest_run(text):
    best, current = (text[0], 1), [text[0], 0]
    for c in text:
        current = [c, current[1] + 1] if c == current[0] else [c, 1]
        if current[1] > best[1]:
            best = tuple(current)
    return best
