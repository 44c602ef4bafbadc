# problem: mirror
# category: text
# why: identifiers, literals and comments that are not ASCII

# Längen und Summen – ∑
naïve = input()
größe, σ = len(naïve), sum(ord(буква) for буква in naïve)
assert "日本語"[::-1] == "語本日"
print(naïve[::-1])
print(größe, σ)
