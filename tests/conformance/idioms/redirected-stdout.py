# problem: powers
# category: writing
# why: contextlib.redirect_stdout around one's own prints

import contextlib, io, sys
kept = io.StringIO()
with contextlib.redirect_stdout(kept):
    for line in sys.stdin:
        a, b = map(int, line.split())
        print(a ** b)
sys.stdout.write(kept.getvalue())
