# problem: rotate
# category: calls
# why: the argument is changed in place and returned

def rotate(matrix):
    matrix.reverse()
    matrix[:] = map(list, zip(*matrix))
    return matrix
