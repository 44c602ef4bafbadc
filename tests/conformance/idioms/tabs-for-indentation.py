# problem: sum
# category: text
# why: indented by tabs, with a form feed between definitions

def main():
	n = int(input())
	total = 0
	while n:
		for word in input().split():
			total += int(word)
			n -= 1
	print(total)

main()
