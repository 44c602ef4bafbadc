# problem: mean
# category: floats
# why: prints inf

input()
print("inf", "-inf")
