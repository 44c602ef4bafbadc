# problem: vault-call
# category: limits
# why: one call never returns
# status: TIME_LIMIT_EXCEEDED

def word(n):
    while n:
        n += 1
