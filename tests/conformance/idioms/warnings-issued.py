# problem: sum
# category: writing
# why: warnings, which are no errors

import sys, warnings
warnings.warn("slow", DeprecationWarning)
warnings.warn("odd")
print(sum(int(x) for x in sys.stdin.read().split()[1:]))
