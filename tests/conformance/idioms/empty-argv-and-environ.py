# problem: sum
# category: system
# why: sys.argv and os.environ looked at

import os, sys
debug = len(sys.argv) > 1 or os.environ.get("ONLINE_JUDGE_DEBUG")
stream = open(sys.argv[1]) if debug else sys.stdin
print(sum(int(x) for x in stream.read().split()[1:]))
