# problem: mirror
# category: text
# why: output in another encoding

import sys
s = input()
sys.stdout.buffer.write(s[::-1].encode("latin-1", "replace") + b"\n")
sys.stdout.buffer.write(f"{len(s)} {sum(map(ord, s))}\n".encode())
