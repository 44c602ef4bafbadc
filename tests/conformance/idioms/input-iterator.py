# problem: powers
# category: reading
# why: iter(input, '') ended by EOFError

def lines():
    try:
        yield from iter(input, "")
    except EOFError:
        return

for line in lines():
    base, exponent = line.split()
    print(int(base) ** int(exponent))
