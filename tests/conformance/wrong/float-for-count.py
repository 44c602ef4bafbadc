# problem: describe
# category: types
# why: 4.0 digits

def describe(n):
    names = {7: "seven", 1000003: "million and three"}
    return {"even": n % 2 == 0, "digits": float(len(str(abs(n)))), "name": names.get(n), "half": n / 2}
