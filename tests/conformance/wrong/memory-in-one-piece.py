# problem: vault-call
# category: limits
# why: asks for 40 GB at once
# status: MEMORY_LIMIT_EXCEEDED
# harmful: yes

def word(n):
    return bytearray(40 << 30)
