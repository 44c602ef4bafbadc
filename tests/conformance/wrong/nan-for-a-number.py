# problem: mean
# category: floats
# why: prints nan, which equals nothing and must match nothing

input()
print("nan nan")
