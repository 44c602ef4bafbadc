# problem: rotate
# category: algorithm
# why: transposed, not turned

def rotate(matrix):
    return [list(row) for row in zip(*matrix)]
