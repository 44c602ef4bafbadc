# problem: rotate
# category: calls
# why: a script part that asks for input, guarded by __name__

def rotate(matrix):
    return [list(row) for row in zip(*matrix[::-1])]
if __name__ == "__main__":
    print(rotate(eval(input())))
