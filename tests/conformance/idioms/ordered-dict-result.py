# problem: word-index
# category: types
# why: an OrderedDict, filled by move_to_end

from collections import OrderedDict
def word_index(text):
    index = OrderedDict()
    for i, w in enumerate(text.split()):
        index[w] = index.get(w, []) + [i]
        index.move_to_end(w, last=False)
    return index
