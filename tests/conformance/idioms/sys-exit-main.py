# problem: sum
# category: ending
# why: sys.exit(main()) where main returns None

import sys
def main():
    print(sum(int(x) for x in sys.stdin.read().split()[1:]))
sys.exit(main())
