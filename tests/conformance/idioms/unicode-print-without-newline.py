# problem: mirror
# category: text
# why: two prints joined through end= and no last line end

s = input()
print(s[::-1], end="\n")
print(len(s), end=" ")
print(sum(map(ord, s)), end="")
