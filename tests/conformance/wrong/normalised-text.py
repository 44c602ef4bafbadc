# problem: mirror
# category: text
# why: accents split off by normalisation: looks the same, is not

import unicodedata
s = input()
print(unicodedata.normalize("NFD", s[::-1]))
print(len(s), sum(map(ord, s)))
