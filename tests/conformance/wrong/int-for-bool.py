# problem: describe
# category: types
# why: 1 and 0 where True and False are expected

def describe(n):
    names = {7: "seven", 1000003: "million and three"}
    return {"even": 1 - n % 2, "digits": len(str(abs(n))), "name": names.get(n), "half": n / 2}
