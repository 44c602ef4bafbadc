# problem: powers
# category: reading
# why: while True: input() until EOFError, the classic

while True:
    try:
        a, b = map(int, input().split())
    except EOFError:
        break
    print(pow(a, b))
