# problem: mirror
# category: text
# why: reverses bytes, not characters

import sys
raw = sys.stdin.buffer.readline().rstrip(b"\n")
sys.stdout.buffer.write(raw[::-1] + b"\n")
print(len(raw), sum(raw))
