# problem: sum
# category: output
# why: reads everything, prints nothing, ends with 0

import sys
sys.stdin.read()
