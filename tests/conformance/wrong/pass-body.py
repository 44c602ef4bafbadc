# problem: fibonacci
# category: source
# why: the stub, as it was given

def fibonacci(n):
    pass
