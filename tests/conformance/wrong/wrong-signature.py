# problem: fibonacci
# category: crashes
# why: the entry point takes no argument
# status: RUNTIME_ERROR

def fibonacci():
    return 55
