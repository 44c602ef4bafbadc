# problem: mirror
# category: text
# why: counts UTF-16 units, as other languages do

s = input()
print(s[::-1])
print(len(s.encode("utf-16-le")) // 2, sum(map(ord, s)))
