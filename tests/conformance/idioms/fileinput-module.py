# problem: powers
# category: reading
# why: the fileinput module, which reads standard input without arguments

import fileinput
for line in fileinput.input():
    a, b = map(int, line.split())
    print(a ** b)
