# problem: rotate
# category: types
# why: the right numbers without their rows

def rotate(matrix):
    return [x for row in zip(*matrix[::-1]) for x in row]
