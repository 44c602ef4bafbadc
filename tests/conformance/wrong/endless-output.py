# problem: vault-stdio
# category: limits
# why: prints for ever
# status: OUTPUT_LIMIT_EXCEEDED
# harmful: yes

while True:
    print("y" * 1000)
