# problem: sum
# category: source
# why: nothing at all
# status: NO_CODE

