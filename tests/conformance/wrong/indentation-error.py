# problem: fibonacci
# category: source
# why: a line indented for no reason
# status: COMPILE_ERROR

def fibonacci(n):
    a, b = 0, 1
      return a
