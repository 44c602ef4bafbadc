# problem: digit-sums
# category: algorithm
# why: the digit sums unsorted

def digit_sums(numbers):
    return [sum(map(int, str(abs(n)))) for n in numbers]
