# problem: powers
# category: numbers
# why: sys.set_int_max_str_digits, as a careful program does

import sys
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(100_000)
for a, b in (map(int, line.split()) for line in sys.stdin):
    print(a ** b)
