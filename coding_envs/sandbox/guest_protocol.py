"""What the host and a worker say to each other on the control socket; used on both sides.

One packet per message (SOCK_SEQPACKET), of a fixed size. A request to run carries four file
descriptors: the run's standard input, output and error, and its channel.
"""

from __future__ import annotations

import struct

# Host -> guest: run number, what to do, flags, CPU seconds, wall seconds, then the limits on
# address space and file size in bytes, on open files, on threads.
REQUEST = struct.Struct("<QIIddQQQQ")
RUN, KILL = 0, 1
FLAG_SCRATCH = 1  # a private scratch folder

# Guest -> host: run number, how it ended, exit code or signal, CPU seconds, wall seconds, peak
# resident bytes.
STATUS = struct.Struct("<QiiddQ")
EXITED, SIGNALED, CPU_LIMIT, WALL_LIMIT, KILLED, SETUP_FAILED, HELLO, STOPPED = range(8)
