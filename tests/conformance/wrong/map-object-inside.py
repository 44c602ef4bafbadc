# problem: rotate
# category: types
# why: a list of iterators

def rotate(matrix):
    return [iter(row) for row in zip(*matrix[::-1])]
