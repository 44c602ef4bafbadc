# problem: sum
# category: output
# why: returns the answer from main and prints nothing

import sys
def main():
    return sum(map(int, sys.stdin.read().split()[1:]))
main()
