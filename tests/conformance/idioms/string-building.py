# problem: digit-sums
# category: code
# why: f-strings, nested quotes, join, translate

def digit_sums(numbers):
    out = []
    for n in numbers:
        text = f"{f'{n:d}'.strip('-')}"
        out.append(sum((ord(c) - ord('0')) for c in text.translate({45: None})))
    out.sort()
    return out
