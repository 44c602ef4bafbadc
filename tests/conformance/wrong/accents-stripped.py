# problem: word-index
# category: text
# why: words compared without their accents

import unicodedata
def word_index(text):
    index = {}
    for i, w in enumerate(text.split()):
        plain = "".join(c for c in unicodedata.normalize("NFD", w) if not unicodedata.combining(c))
        index.setdefault(plain, []).append(i)
    return index
