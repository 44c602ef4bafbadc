# problem: rotate
# category: types
# why: an iterator of the right rows

def rotate(matrix):
    return zip(*matrix[::-1])
