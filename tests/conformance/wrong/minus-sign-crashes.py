# problem: digit-sums
# category: crashes
# why: int("-") for negative numbers
# status: RUNTIME_ERROR

def digit_sums(numbers):
    return sorted(sum(int(d) for d in str(n)) for n in numbers)
