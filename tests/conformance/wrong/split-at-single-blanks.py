# problem: word-index
# category: text
# why: split(" "), which makes empty words

def word_index(text):
    index = {}
    for i, w in enumerate(text.split(" ")):
        index.setdefault(w, []).append(i)
    return index
