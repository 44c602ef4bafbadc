# problem: sum
# category: system
# why: pickle and copy of a class of the program's own

import copy, pickle, sys
class Total:
    def __init__(self):
        self.value = 0
    def add(self, x):
        self.value += x
total = Total()
for x in sys.stdin.read().split()[1:]:
    total.add(int(x))
print(pickle.loads(pickle.dumps(copy.deepcopy(total))).value)
