# problem: sum
# category: reading
# why: input() in a comprehension, numbers gathered until there are enough

n = int(input())
values = []
while len(values) < n:
    values.extend(int(x) for x in input().split())
print(sum(values))
