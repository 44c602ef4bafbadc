# problem: describe
# category: types
# why: "None" where None is expected

def describe(n):
    names = {7: "seven", 1000003: "million and three"}
    return {"even": n % 2 == 0, "digits": len(str(abs(n))), "name": str(names.get(n)), "half": n / 2}
