# problem: orbit
# category: calls
# why: arithmetic on a class with overloaded operators

class Mod:
    def __init__(self, value, modulus=1000003):
        self.value, self.modulus = value % modulus, modulus
    def __mul__(self, other):
        return Mod(self.value * int(other), self.modulus)
    def __add__(self, other):
        return Mod(self.value + int(other), self.modulus)
    __radd__, __rmul__ = __add__, __mul__
    def __int__(self):
        return self.value
def orbit(x):
    return int(104729 + 7919 * Mod(x))
