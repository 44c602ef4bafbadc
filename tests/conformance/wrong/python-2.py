# problem: fibonacci
# category: source
# why: Python 2
# status: COMPILE_ERROR

def fibonacci(n):
    print "computing", n
    return n
