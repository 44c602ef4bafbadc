# problem: rotate
# category: types
# why: the cells as str

def rotate(matrix):
    return [list(map(str, row)) for row in zip(*matrix[::-1])]
