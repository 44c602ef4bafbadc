# problem: sum
# category: ending
# why: exit(), which the module site brings

n = int(input())
total = 0
while True:
    for x in input().split():
        total += int(x)
        n -= 1
    if not n:
        print(total)
        exit()
