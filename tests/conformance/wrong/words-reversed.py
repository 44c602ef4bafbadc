# problem: mirror
# category: text
# why: the words backwards, not the characters

s = input()
print(*s.split()[::-1])
print(len(s), sum(map(ord, s)))
