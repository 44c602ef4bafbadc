"""JavaScript, run by Node.js."""

from __future__ import annotations

from .language import Language, register_language

__all__ = ["JAVASCRIPT"]

JAVASCRIPT = register_language(
    Language(
        "javascript",
        ("js", "node", "nodejs", "node.js", "ecmascript"),
        file_name="main.js",
        compile=("node", "--check", "main.js"),
        run=("node", "--stack-size=60000", "--max-old-space-size={memory_mib}", "main.js"),
        remedy="install node (Debian, Ubuntu: apt-get install nodejs)",
        memory="data",
        extra_memory_bytes=192 * 2**20,
        extra_threads=12,
        extra_cpu_s=0.2,
        memory_signs=(b"JavaScript heap out of memory", b"Array buffer allocation failed"),
    )
)
