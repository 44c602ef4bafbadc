# problem: word-index
# category: types
# why: positions as tuples of one int, one level too deep

def word_index(text):
    index = {}
    for i, w in enumerate(text.split()):
        index.setdefault(w, []).append((i,))
    return index
