# problem: word-index
# category: types
# why: a dict whose keys come in another order

def word_index(text):
    words = text.split()
    return {w: [i for i, x in enumerate(words) if x == w] for w in sorted(set(words), reverse=True)}
