# problem: rotate
# category: types
# why: changes its argument in place, returns None

def rotate(matrix):
    matrix[:] = [list(row) for row in zip(*matrix[::-1])]
