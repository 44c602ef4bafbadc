# problem: vault-stdio
# category: limits
# why: a list that grows for ever
# status: MEMORY_LIMIT_EXCEEDED
# harmful: yes

kept = []
while True:
    kept.append(bytes(1 << 20))
