# problem: rotate
# category: algorithm
# why: turned counter-clockwise

def rotate(matrix):
    return [list(row) for row in zip(*matrix)][::-1]
