# problem: digit-sums
# category: code
# why: the program brings asserts and prints of its own

def digit_sums(numbers):
    def one(n):
        n, s = abs(n), 0
        while n:
            n, d = divmod(n, 10)
            s += d
        return s
    return sorted(one(n) for n in numbers)
assert digit_sums([10]) == [1]
assert digit_sums([99, 1]) == [1, 18]
print("all my tests passed")
