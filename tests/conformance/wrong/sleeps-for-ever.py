# problem: vault-check
# category: limits
# why: sleeps, using no processor time
# status: TIME_LIMIT_EXCEEDED

import time
def word(n):
    time.sleep(3600)
