# problem: mirror
# category: text
# why: what is not ASCII is lost

s = input()
print(s[::-1].encode("ascii", "ignore").decode())
print(len(s), sum(map(ord, s)))
