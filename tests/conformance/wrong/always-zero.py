# problem: fibonacci
# category: shortcuts
# why: a constant that is right for one test

def fibonacci(n):
    return 0
