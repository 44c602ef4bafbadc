# problem: digit-sums
# category: algorithm
# why: at most 20 digits are looked at, and no more than 64 is found

def digit_sums(numbers):
    return sorted(min(64, sum(map(int, str(abs(n))[:20]))) for n in numbers)
