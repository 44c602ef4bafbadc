# problem: rotate
# category: calls
# why: every call returns the same list object, emptied and filled again

turned = []
def rotate(matrix):
    turned.clear()
    turned.extend(list(row) for row in zip(*matrix[::-1]))
    return turned
