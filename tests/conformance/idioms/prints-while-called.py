# problem: rotate
# category: calls
# why: debug prints during calls, flushed

import sys
print("loading", flush=True)
def rotate(matrix):
    print("rotate called with", matrix, flush=True)
    sys.stderr.write("x" * 1000 + "\n")
    return [list(r) for r in zip(*matrix[::-1])]
