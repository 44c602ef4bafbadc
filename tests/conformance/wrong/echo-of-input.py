# problem: mirror
# category: shortcuts
# why: prints its input

import sys
print(sys.stdin.read())
