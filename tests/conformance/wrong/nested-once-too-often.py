# problem: rotate
# category: types
# why: one pair of brackets too many

def rotate(matrix):
    return [[list(row) for row in zip(*matrix[::-1])]]
