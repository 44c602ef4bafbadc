# problem: mirror
# category: reading
# why: codecs.getreader over the binary streams

import codecs, sys
source = codecs.getreader("utf-8")(sys.stdin.buffer)
sink = codecs.getwriter("utf-8")(sys.stdout.buffer)
line = source.readline().rstrip("\r\n")
sink.write(line[::-1] + "\n")
sink.write("%d %d" % (len(line), sum(map(ord, line))))
