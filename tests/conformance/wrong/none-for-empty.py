# problem: word-index
# category: types
# why: None where an empty dict is expected

def word_index(text):
    index = {}
    for i, w in enumerate(text.split()):
        index.setdefault(w, []).append(i)
    return index or None
