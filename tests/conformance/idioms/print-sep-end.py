# problem: heap
# category: writing
# why: print with sep and end, answers gathered first

import heapq
answers, heap = [], []
for _ in range(int(input())):
    word = input()
    if word.startswith("push"):
        heapq.heappush(heap, int(word[5:]))
    else:
        answers.append(f"{len(heap)} {sum(heap)}" if word == "show" else
                       heapq.heappop(heap) if heap else "Empty")
print(*answers, sep="\n", end="\n\n")
