# problem: rotate
# category: types
# why: the answer's repr

def rotate(matrix):
    return repr([list(row) for row in zip(*matrix[::-1])])
