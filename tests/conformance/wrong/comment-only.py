# problem: fibonacci
# category: source
# why: a comment, no code

# def fibonacci(n): return the n-th number
