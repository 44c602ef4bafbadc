# problem: mirror
# category: text
# why: bytes in, decode, encode, bytes out

import sys
text = sys.stdin.buffer.readline().decode("utf-8").strip("\n")
sys.stdout.buffer.write(text[::-1].encode() + b"\n")
sys.stdout.buffer.write(f"{len(text)} {sum(map(ord, text))}\n".encode("utf-8"))
