# problem: vault-asserts
# category: limits
# why: a table too large, made at load
# status: MEMORY_LIMIT_EXCEEDED
# harmful: yes

table = [0] * (1 << 30)
def word(n):
    return table[n]
