# problem: word-index
# category: arithmetic
# why: positions counted from 1

def word_index(text):
    index = {}
    for i, w in enumerate(text.split(), 1):
        index.setdefault(w, []).append(i)
    return index
