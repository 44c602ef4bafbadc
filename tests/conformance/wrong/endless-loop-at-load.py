# problem: vault-asserts
# category: limits
# why: never gets to the definition
# status: TIME_LIMIT_EXCEEDED

while True:
    pass
def word(n):
    return ""
