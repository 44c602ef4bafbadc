# problem: vault-call
# category: limits
# why: one long operation inside C, which no signal handler interrupts
# status: TIME_LIMIT_EXCEEDED

def word(n):
    return str(9 ** 9 ** 9)
