# problem: longest-run
# category: algorithm
# why: the run at the end of the text is never looked at

def longest_run(text):
    best, start = ("", 0), 0
    for i in range(1, len(text)):
        if text[i] != text[start]:
            if i - start > best[1]:
                best = (text[start], i - start)
            start = i
    return best
