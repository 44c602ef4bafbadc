# problem: totals
# category: reading
# why: iterating over open(0), never closed

totals = {}
for line in open(0):
    match line.split():
        case [name, amount]:
            totals[name] = totals.get(name, 0) + int(amount)
print("\n".join(f"{k} {v}" for k, v in totals.items()))
