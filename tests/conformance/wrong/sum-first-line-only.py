# problem: sum
# category: arithmetic
# why: reads one line where the numbers stand on several

n = int(input())
print(sum(map(int, input().split()[:n])))
