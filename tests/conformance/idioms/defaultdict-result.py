# problem: word-index
# category: types
# why: a defaultdict, which is a dict

from collections import defaultdict
def word_index(text):
    index = defaultdict(list)
    for i, word in enumerate(text.split()):
        index[word].append(i)
    return index
