# problem: rotate
# category: types
# why: tuples where lists are expected

def rotate(matrix):
    return tuple(zip(*reversed(matrix)))
