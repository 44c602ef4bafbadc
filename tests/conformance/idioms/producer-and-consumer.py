# problem: heap
# category: concurrency
# why: a thread that reads, a queue, a main thread that answers

import heapq, queue, sys, threading
orders = queue.Queue()
def read():
    for line in sys.stdin:
        orders.put(line.split())
    orders.put(None)
threading.Thread(target=read, daemon=True).start()
orders.get()
heap = []
while (order := orders.get()) is not None:
    match order:
        case ["push", number]:
            heapq.heappush(heap, int(number))
        case ["pop"]:
            print(heapq.heappop(heap) if heap else "Empty")
        case ["show"]:
            print(len(heap), sum(heap))
