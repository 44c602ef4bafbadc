# problem: vault-stdio
# category: limits
# why: the main thread ends, another one runs for ever
# status: TIME_LIMIT_EXCEEDED

import threading
def spin():
    while True:
        pass
threading.Thread(target=spin).start()
