# problem: sum
# category: system
# why: exec and eval of the program's own strings

source = "def add(values):\n    return sum(map(int, values))\n"
names = {}
exec(compile(source, "<mine>", "exec"), names)
import sys
print(eval("add(sys.stdin.read().split()[1:])", names | {"sys": sys}))
