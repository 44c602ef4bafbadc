# problem: sum
# category: text
# why: a shebang and a coding cookie before everything else

#!/usr/bin/env python3
# -*- coding: utf-8 -*-
"""Adds numbers."""
n = int(input())
found = []
while len(found) < n:
    found += input().split()
print(sum(map(int, found)))
