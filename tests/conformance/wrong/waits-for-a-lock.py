# problem: vault-method
# category: limits
# why: dead-locked with itself
# status: TIME_LIMIT_EXCEEDED

import threading
class Vault:
    def word(self, n):
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
