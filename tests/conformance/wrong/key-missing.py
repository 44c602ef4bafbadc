# problem: describe
# category: types
# why: the key is missing where its value is None

def describe(n):
    names = {7: "seven", 1000003: "million and three"}
    d = {"even": n % 2 == 0, "digits": len(str(abs(n))), "name": names.get(n), "half": n / 2}
    return {k: v for k, v in d.items() if v is not None}
