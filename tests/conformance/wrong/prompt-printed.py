# problem: sum
# category: output
# why: input() with a prompt, which goes to standard output

n = int(input("How many numbers? "))
v = []
while len(v) < n:
    v += map(int, input().split())
print(sum(v))
