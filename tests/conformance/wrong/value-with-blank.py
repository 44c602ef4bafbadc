# problem: describe
# category: text
# why: "seven " with a blank at its end

def describe(n):
    names = {7: "seven ", 1000003: "million and three"}
    return {"even": n % 2 == 0, "digits": len(str(abs(n))), "name": names.get(n), "half": n / 2}
