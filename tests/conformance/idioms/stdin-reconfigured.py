# problem: mirror
# category: reading
# why: sys.stdin.reconfigure and sys.stdout.reconfigure

import sys
sys.stdin.reconfigure(encoding="utf-8", newline="\n")
sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
text = sys.stdin.readline().rstrip("\n")
print("".join(reversed(text)))
print(len(text), sum(ord(c) for c in text))
