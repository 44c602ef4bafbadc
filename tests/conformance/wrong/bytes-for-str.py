# problem: word-index
# category: types
# why: bytes as keys where str is expected

def word_index(text):
    index = {}
    for i, w in enumerate(text.split()):
        index.setdefault(w.encode(), []).append(i)
    return index
