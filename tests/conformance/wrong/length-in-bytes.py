# problem: mirror
# category: text
# why: counts bytes where characters are meant

s = input()
print(s[::-1])
print(len(s.encode()), sum(map(ord, s)))
