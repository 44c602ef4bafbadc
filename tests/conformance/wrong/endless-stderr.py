# problem: vault-stdio
# category: limits
# why: writes to standard error for ever
# status: OUTPUT_LIMIT_EXCEEDED
# harmful: yes

import sys
while True:
    sys.stderr.write("y" * 1000)
