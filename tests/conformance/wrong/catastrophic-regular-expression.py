# problem: vault-call
# category: limits
# why: a regular expression that backtracks for ever, inside C
# status: TIME_LIMIT_EXCEEDED

import re
def word(n):
    return re.match(r"(a|a)*b", "a" * 60)
