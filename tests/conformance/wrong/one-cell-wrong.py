# problem: rotate
# category: algorithm
# why: wrong in one cell of larger matrices

def rotate(matrix):
    turned = [list(row) for row in zip(*matrix[::-1])]
    if len(turned) > 2:
        turned[2][2] += 1
    return turned
