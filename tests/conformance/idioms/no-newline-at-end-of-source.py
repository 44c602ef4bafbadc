# problem: sum
# category: text
# why: the source has no last line end

import sys; print(sum(map(int, sys.stdin.read().split()[1:])))