"""JavaScript, run by Node.js."""

from __future__ import annotations

from .language import Language, register_language

__all__ = ["JAVASCRIPT"]

# The jail has no /proc, which /dev/stdin leads to, and many programs read that.
_PRELOADED = b"""
'use strict';
const fs = require('fs');
for (const name of ['readFileSync', 'readFile']) {
  const original = fs[name];
  fs[name] = (path, ...rest) => original(path === '/dev/stdin' ? 0 : path, ...rest);
}
const {openSync, createReadStream} = fs;
fs.openSync = (path, ...rest) => path === '/dev/stdin' ? 0 : openSync(path, ...rest);
fs.createReadStream = (path, options) => path !== '/dev/stdin'
  ? createReadStream(path, options)
  : createReadStream('', {...(typeof options === 'string' ? {encoding: options} : options), fd: 0});
"""

JAVASCRIPT = register_language(
    Language(
        "javascript",
        ("js", "node", "nodejs", "node.js", "ecmascript"),
        file_name="main.js",
        compile=("node", "--check", "main.js"),
        run=(
            "node",
            "--stack-size=60000",
            "--max-old-space-size={memory_mib}",
            "--require",
            "./.stdin.cjs",
            "main.js",
        ),
        files={".stdin.cjs": _PRELOADED},
        remedy="install node (Debian, Ubuntu: apt-get install nodejs)",
        memory="data",
        extra_memory_bytes=192 * 2**20,
        extra_threads=12,
        extra_cpu_s=0.2,
        memory_signs=(b"JavaScript heap out of memory", b"Array buffer allocation failed"),
        example="console.log('hello');\n",
    )
)
