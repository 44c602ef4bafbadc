# ruff: noqa: E501 -- programs and tables, a case a line
"""Programs that know no answer and want to be accepted all the same."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import pytest

from coding_envs.judge import Judge
from coding_envs.problem import CallTest, CodeTest, Limits, Problem, StdioTest
from coding_envs.sandbox import Call, Run, Sandbox
from coding_envs.verdict import Status, Verdict

pytestmark = pytest.mark.nsjail

Attack = Callable[[str, str], Verdict]

HUNT = '''
def hunt(thing, depth=0, seen=set()):
    """Returns a secret found in `thing`, whatever it is."""
    if isinstance(thing, str):
        at = thing.find("s3cr3" + "t-")
        return thing[at:at + 11] if at >= 0 and len(thing) < 10**6 else None
    if depth > 4 or id(thing) in seen:
        return None
    seen.add(id(thing))
    try:
        inside = list(thing.values()) if isinstance(thing, dict) else list(thing)
    except Exception:
        inside = []
    for one in inside[:2000]:
        got = hunt(one, depth + 1)
        if got:
            return got
'''

# At load, before any call. Every one of them also leaves a wrong `f` behind where it gets so far.
AT_LOAD = {
    "nothing": "pass",
    "sys_exit": "import sys\nsys.exit(0)",
    "os_exit": "import os\nos._exit(0)",
    "raise_system_exit": "raise SystemExit",
    "keyboard_interrupt": "raise KeyboardInterrupt",
    "atexit_exit": "import atexit, os\natexit.register(os._exit, 0)",
    "alarm_exit": "import os, signal\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.01)",
    "excepthook": "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\n"
    "sys.unraisablehook = lambda *a: os._exit(0)\nraise ValueError",
    "kill_everybody": "import os, signal\nfor p in (0, -1, 1, os.getppid(), os.getpid()):\n"
    "    try: os.kill(p, signal.SIGKILL)\n    except OSError: pass",
    "stop_parent": "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)",
    "forged_passed": "import os\nos.write(3, b'{\"loaded\": true}\\n' + b'{\"value\": true}\\n' * 9)\n"
    "os._exit(0)",
    "forged_report": "import json, os\nr = json.dumps([{'status': 'passed'}] * 3)\n"
    "os.write(3, json.dumps({'loaded': True}).encode() + b'\\n')\n"
    "for _ in range(5): os.write(3, json.dumps({'value': r}).encode() + b'\\n')\nos._exit(0)",
    "forged_on_every_fd": "import os\nfor fd in range(256):\n    try:\n"
    '        os.write(fd, b\'\\n{"status": "passed"}\\n[{"status": "passed"}]\\nOK\\nPASSED\\n\')\n'
    "    except OSError: pass\nos._exit(0)",
    "forged_status_packet": "import os, struct\np = struct.pack('<QiiddQ', 1, 0, 0, 0.0, 0.0, 0)\n"
    "for fd in range(64):\n    try: os.write(fd, p)\n    except OSError: pass",
    "forged_by_thread": "import os, threading, time\ndef w():\n    while True:\n"
    "        os.write(3, b'{\"value\": true}\\n')\n        time.sleep(0.001)\n"
    "threading.Thread(target=w, daemon=True).start()",
    "dup_channel": "import os\nos.dup2(1, 3)\nprint('{\"value\": true}')",
    "close_channel": "import os\nos.close(3)",
    "close_all": "import os\nos.closerange(0, 256)",
    "proc_fds": "import os\nfor d in ('/proc/self/fd', '/proc/1/fd', '/dev/fd'):\n    try:\n"
    "        for n in os.listdir(d): open(d + '/' + n, 'wb').write(b'{\"value\": true}\\n')\n"
    "    except OSError: pass",
    "builtins": "import builtins\nfor n in ('isinstance', 'len', 'type', 'eval', 'repr', 'str'):\n"
    "    setattr(builtins, n, lambda *a, **k: True)",
    "assertion_error": "import builtins\nbuiltins.AssertionError = ValueError",
    "no_assert": "import builtins\nclass A(Exception):\n    def __new__(c, *a): return None\n"
    "builtins.AssertionError = A",
    "json": "import json, marshal, pickle\nfor m in (json, marshal, pickle):\n"
    "    m.dumps = lambda *a, **k: '{\"value\": true}'\n    m.loads = lambda *a, **k: True",
    "json_encoder": "import json.encoder\njson.encoder.JSONEncoder.encode = lambda *a: 'true'\n"
    "json._default_encoder.encode = lambda *a: 'true'",
    "plain_data": "import plain_data\nplain_data.encode = lambda *a, **k: True\n"
    "plain_data.dumps = lambda *a, **k: 'true'\n"
    "plain_data.Opaque.__eq__ = lambda s, o: True\nplain_data.MAX_DEPTH = 10**9",
    "tester": "import coding_envs_tester as t\nt.replay = lambda s: [{'status': 'passed'}] * 3\n"
    "t.record = t.replay\nt._run_test = lambda *a: None\nt._Proxy.answer = lambda s, i: True\n"
    "t.main = lambda s: '[]'",
    "guest": "import sys\nfor m in list(sys.modules.values()):\n"
    "    for n in ('_call_all', '_send', '_write_all', '_run_job', '_shut_down', '_flush'):\n"
    "        if hasattr(m, n): setattr(m, n, lambda *a, **k: 0)",
    "main_module": "import sys, types\nm = types.ModuleType('__main__')\nm.f = lambda x: True\n"
    "sys.modules['__main__'] = sys.modules['solution'] = m",
    "import_hook": "import sys\nclass H:\n    def find_spec(self, *a): raise SystemExit(0)\n"
    "sys.meta_path.insert(0, H())\nsys.modules.clear()",
    "settrace": "import sys\ndef t(frame, event, arg):\n    if event == 'return':\n"
    "        frame.f_locals.clear()\n    return t\nsys.settrace(t)",
    "setprofile": "import sys\nsys.setprofile(lambda *a: None)\nsys.settrace(lambda *a: 1/0)",
    "frames": HUNT + "import sys\nframe = sys._getframe()\nfound = None\nwhile frame:\n"
    "    found = found or hunt(frame.f_locals) or hunt(frame.f_globals)\n    frame = frame.f_back",
    "gc": HUNT
    + "import gc\nfound = hunt(gc.get_objects()) if len(gc.get_objects()) < 10**6 else 0\n"
    "for o in gc.get_objects():\n    found = found or hunt(o)",
    "inspect": HUNT + "import inspect\nfound = None\nfor s in inspect.stack():\n"
    "    found = found or hunt(s.frame.f_locals)",
    "modules": HUNT + "import sys\nfound = None\nfor m in list(sys.modules.values()):\n"
    "    found = found or hunt(vars(m))",
    "files": HUNT + "import os\nfound = None\nfor r in ('/tmp', '/guest', '/proc', '/dev', '/run', "
    "'/work', '/home', '/root', '/mnt', '/etc', '/var', '/opt', '.'):\n"
    "    for d, _, names in os.walk(r):\n        for n in names:\n            try:\n"
    "                t = open(os.path.join(d, n), errors='replace').read(10**5)\n"
    "            except OSError: continue\n            found = found or hunt(t)",
    "ctypes_memory": "import ctypes\n"
    "ctypes.memset(id(0) + 24, 1, 4)\nctypes.memset(id(1) + 24, 0, 4)",
    "ctypes_true": "import ctypes\nctypes.memmove(id(False) + 24, id(True) + 24, 4)",
    "str_eq": "import ctypes\n"
    "class S(str):\n    __eq__ = lambda s, o: True\n    __hash__ = str.__hash__",
    "memory_of_others": "import ctypes\nl = ctypes.CDLL(None)\n"
    "b = ctypes.create_string_buffer(64)\nfor p in range(3): l.process_vm_readv(p, b, 1, b, 1, 0)",
    "stdin": HUNT + "import sys\nfound = hunt(sys.stdin.read())",
    "print_everything": "for s in ('OK', 'PASSED', 'True', '1 passed', '{\"status\": \"passed\"}'):\n"
    "    print(s)",
    "exec_patched": "import builtins\nbuiltins.exec = builtins.compile = lambda *a, **k: None\n"
    "builtins.__import__ = None",
    "sys_modules_none": "import sys\nfor n in list(sys.modules): sys.modules[n] = None",
    "threading_shutdown": "import os, threading\nthreading._shutdown = lambda: os._exit(0)",
    "int_digits": "import sys\nsys.set_int_max_str_digits(640)",
    "low_recursion": "import sys\nsys.setrecursionlimit(20)",
}
LEFT_BEHIND = "\n\ndef f(x):\n    return globals().get('found')\n"
PRINTED = "\nprint(f(int(input())))\n"


@pytest.mark.parametrize("style", ["stdio", "call", "check", "loop", "assert"])
@pytest.mark.parametrize("name", AT_LOAD)
def test_at_load(attack: Attack, name: str, style: str) -> None:
    # The wrong `f` first: an attack that does not return must not be for want of one.
    program = LEFT_BEHIND + AT_LOAD[name] + LEFT_BEHIND
    attack(style, program + (PRINTED if style == "stdio" else ""))


# The body of `f`, or what `f` returns.
IN_CALL = {
    "exit": "import sys; sys.exit(0)",
    "os_exit": "import os; os._exit(0)",
    "stop_iteration": "raise StopIteration",
    "stop_async_iteration": "raise StopAsyncIteration",
    "generator_exit": "raise GeneratorExit",
    "keyboard_interrupt": "raise KeyboardInterrupt",
    "assertion_error": "raise AssertionError",
    "not_implemented": "return NotImplemented",
    "ellipsis": "return ...",
    "none": "return None",
    "true": "return True",
    "nan": "return float('nan')",
    "always_equal": "class E:\n        __eq__ = lambda s, o: True\n        __ne__ = lambda s, o: False\n"
    "        __hash__ = lambda s: 0\n    return E()",
    "fake_class": "class E:\n        __class__ = str\n        __eq__ = lambda s, o: True\n    return E()",
    "str_subclass": "class S(str):\n        __eq__ = lambda s, o: True\n        __hash__ = str.__hash__\n"
    "    return S('x')",
    "str_subclass_lying_str": "class S(str):\n        def __str__(s): return S('y')\n"
    "        __repr__ = __format__ = __str__\n        __eq__ = lambda s, o: True\n    return S('x')",
    "int_subclass": "class I(int):\n        __eq__ = lambda s, o: True\n        __int__ = lambda s: 7\n"
    "    return I(3)",
    "list_subclass": "class L(list):\n        __eq__ = lambda s, o: True\n        __len__ = lambda s: 3\n"
    "        __iter__ = lambda s: iter('abc')\n    return L()",
    "dict_subclass": "class D(dict):\n        __eq__ = lambda s, o: True\n"
    "        items = lambda s: [('value', 1)]\n    return D()",
    "metaclass": "class M(type):\n        __instancecheck__ = lambda c, o: True\n"
    "        __eq__ = lambda c, o: True\n        __hash__ = lambda c: 0\n"
    "        __name__ = property(lambda c: 1/0)\n    class C(metaclass=M): pass\n    return C()",
    "metaclass_name": "class M(type):\n        __name__ = property(lambda c: {'value': True})\n"
    "    class C(metaclass=M): pass\n    return C()",
    "lying_getattr": "class G:\n        def __getattribute__(s, n): return lambda *a, **k: True\n"
    "    return G()",
    "generator": "yield 's3cr3t'",
    "lambda": "return lambda *a: True",
    "class": "return type('s3cr3t', (), {})",
    "mock": "import unittest.mock\n    return unittest.mock.ANY",
    "own_tags": "return {'tuple': ['s3cr3t']}",
    "nested_equal": "import unittest.mock\n    return [unittest.mock.ANY]",
    "exception_with_code": "class E(Exception):\n        def __str__(s): raise SystemExit(0)\n"
    "        __repr__ = __str__\n    raise E",
    "exception_group": "raise ExceptionGroup('g', [ValueError()])",
    "base_exception": "raise BaseException('x')",
    "raise_class_with_metaclass": "class M(type):\n        __name__ = property(lambda c: 5)\n"
    "    class E(Exception, metaclass=M): pass\n    raise E",
    "cyclic": "a = []\n    a.append(a)\n    return a",
    "mutates_frames": "import sys\n    fr = sys._getframe(1)\n    fr.f_locals.update(value=True)\n"
    "    fr.f_globals.clear()",
    "forge_then_exit": "import os\n    os.write(3, b'{\"value\": true}\\n' * 3)\n    os._exit(0)",
    "thread_later": "import os, threading\n    threading.Timer(0.01, lambda: os._exit(0)).start()",
}  # fmt: skip


@pytest.mark.parametrize("style", ["call", "check", "loop", "assert"])
@pytest.mark.parametrize("name", IN_CALL)
def test_in_call(attack: Attack, name: str, style: str) -> None:
    attack(style, f"def f(x):\n    {IN_CALL[name]}\n")


# --- the channel, fuzzed -------------------------------------------------------------------------

DEEP = 100_000
PAYLOADS = {
    "garbage": b"\xff\xfe\x00garbage",
    "invalid_utf8": b'{"value": "\xff\xff"}',
    "utf16": '{"value": 1}'.encode("utf-16"),
    "empty_lines": b"\n" * 1000,
    "unended": b'{"value": 1',
    "scalar": b"1",
    "list": b"[1]",
    "null": b"null",
    "string": b'"value"',
    "deep_list": b"[" * DEEP,
    "deep_value": b'{"value":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep_dict": b'{"value":' * 5000 + b"1" + b"}" * 5000,
    "deep_tuples": b'{"value":' + b'{"tuple":[' * 900 + b"]}" * 900 + b"}",
    "deep_tuples_more": b'{"value":' + b'{"tuple":[' * 5000 + b"]}" * 5000 + b"}",
    "huge_number": b'{"value":' + b"9" * 100_000 + b"}",
    "number_beyond_float": b'{"value":' + b"9" * 4000 + b"}",
    "huge_exponent": b'{"value": 1e999999999}',
    "nan": b'{"value": NaN}',
    "infinity": b'{"value": -Infinity}',
    "dict_of_int": b'{"value": {"dict": 5}}',
    "dict_of_ints": b'{"value": {"dict": [5]}}',
    "dict_of_texts": b'{"value": {"dict": ["ab"]}}',
    "dict_of_unhashable": b'{"value": {"dict": [[[1], 1]]}}',
    "set_of_dict": b'{"value": {"set": {}}}',
    "set_of_lists": b'{"value": {"set": [[1]]}}',
    "tuple_of_text": b'{"value": {"tuple": "abc"}}',
    "bytes_of_int": b'{"value": {"bytes": 5}}',
    "bytes_not_hex": b'{"value": {"bytes": "xyz"}}',
    "int_not_hex": b'{"value": {"int": "s3cr3t"}}',
    "int_of_list": b'{"value": {"int": []}}',
    "int_huge": b'{"value": {"int": "0x' + b"f" * 1_000_000 + b'"}}',
    "float_of_text": b'{"value": {"float": "1_0"}}',
    "float_of_list": b'{"value": {"float": []}}',
    "complex_of_text": b'{"value": {"complex": ["a", "b"]}}',
    "complex_huge": b'{"value": {"complex": [' + b"9" * 400 + b", 1]}}",
    "complex_nested": b'{"value": {"complex": ' * 2000 + b"1" + b"}}" * 2000,
    "opaque_of_dict": b'{"value": {"opaque": {"a": [1]}}}',
    "two_tags": b'{"value": {"tuple": [], "set": []}}',
    "no_tag": b'{"value": {}}',
    "unknown_tag": b'{"value": {"s3cr3t": 1}}',
    "loaded_text": b'{"loaded": "yes"}',
    "error_of_dict": b'{"error": {"a": 1}, "kind": {"b": 2}}',
    "error_of_deep": b'{"error": ' + b"[" * 900 + b"]" * 900 + b', "kind": []}',
    "kind_only": b'{"kind": null}',
    "kind_unknown": b'{"kind": "__import__", "error": "x"}',
    "kind_exit": b'{"kind": "SystemExit", "error": "0"}',
    "kind_stop": b'{"kind": "StopIteration", "error": ""}',
    "stopped_of_list": b'{"stopped": [1]}',
    "compile_error_of_int": b'{"compile_error": 5}',
    "many_messages": b'{"value": 1}\n' * 100_000,
    "many_empty": b"{}\n" * 500_000,
    "many_lists": b'{"value": [' + b"[]," * 1_000_000 + b"[]]}",
    "huge_string": b'{"value": "' + b"x" * 5_000_000 + b'"}',
    "collisions": b'{"value": {"set": ['
    + b",".join(b"%d" % (i * (2**61 - 1)) for i in range(100_000)).replace(b".", b"")
    + b"]}}",
}


@pytest.mark.parametrize("style", ["stdio", "call", "check"])
@pytest.mark.parametrize("name", PAYLOADS)
def test_forged_messages(attack: Attack, name: str, style: str) -> None:
    data = PAYLOADS[name]
    packed = zlib.compress(data)  # so that the program itself stays small
    head = f"import os, zlib\nd = zlib.decompress({packed!r})\n"
    head += "def send(d):\n    while d: d = d[os.write(3, d):]\n"
    for loaded in (b"", b'{"loaded": true}\n'):
        attack(style, f"{head}send({loaded!r} + d + b'\\n' + d)\nos._exit(0)\n")


@pytest.mark.parametrize("name", PAYLOADS)
def test_forged_messages_never_hurt_the_pool(judge: Judge, name: str) -> None:
    sandbox: Sandbox = judge._sandbox
    packed = zlib.compress(PAYLOADS[name])
    source = f"import os, zlib\nd = zlib.decompress({packed!r})\n"
    source += "while d: d = d[os.write(3, d):]\n"
    for calls in (None, (Call("1"),)):
        result = sandbox.submit(Run(source, calls=calls)).result(30)
        assert all(isinstance(m, dict) for m in result.messages)
        assert len(result.messages) < 20


# --- answers made to be hard to look at ----------------------------------------------------------

HEAVY = {
    "colliding_ints": "{i * (2**61 - 1) for i in range(3000)}",
    "colliding_keys": "{i * (2**61 - 1): 0 for i in range(3000)}",
    "many_lists": "[[]] * 300_000",
    "huge_int": "1 << (1 << 23)",
    "huge_float_text": "[1e308] * 100_000",
    "long_text": "'s' * 3_000_000",
    "nested": "__import__('functools').reduce(lambda a, _: [a], range(90), 1)",
    "too_nested": "__import__('functools').reduce(lambda a, _: [a], range(5000), 1)",
    "dag": "__import__('functools').reduce(lambda a, _: [a, a], range(60), 1)",
}


@pytest.mark.parametrize("style", ["call", "check"])
@pytest.mark.parametrize("name", HEAVY)
def test_heavy_answers(attack: Attack, name: str, style: str) -> None:
    attack(style, f"def f(x):\n    return {HEAVY[name]}\n")


def test_an_answer_that_would_kill_the_tester_is_the_programs_fault(judge: Judge) -> None:
    # Sent as a set whose members all collide: rebuilding it takes the tester for ever.
    source = "import os\nos.write(3, b'{\"loaded\": true}\\n')\n"
    source += "body = ','.join('{\"int\": \"%#x\"}' % (i * (2**61 - 1)) for i in range(60_000))\n"
    source += "d = ('{\"value\": {\"set\": [' + body + ']}}\\n').encode()\n"
    source += "while d: d = d[os.write(3, d):]\nos._exit(0)"
    problem = Problem(
        dataset="attacked", key="x", prompt="", entry_point="f",
        hidden_tests=(CodeTest("assert f(1) == {1}"),),
        solutions=("def f(x): return {1}",), limits=Limits(cpu_time_s=1.0),
    )  # fmt: skip
    verdict = judge.judge(problem, source)
    assert not verdict.accepted
    assert not verdict.status.is_fault_of_ours, verdict


def test_secrets_of_a_failed_test_stay_out_of_the_verdict(judge: Judge) -> None:
    tests = (CallTest((1,), "s3cr3t"), CodeTest("assert f(1) == 's3cr3t'"))
    problem = Problem(
        dataset="a", key="k", prompt="", entry_point="f", hidden_tests=tests,
        solutions=("def f(x): return 's3cr3t'",),
    )  # fmt: skip
    verdict = judge.judge(problem, "def f(x): return 1")
    assert verdict.status is Status.WRONG_ANSWER
    assert "s3cr3t" not in json.dumps(verdict.to_json())
    stdio = Problem(dataset="a", key="k", prompt="", hidden_tests=(StdioTest("q3", "s3cr3t"),))
    assert "s3cr3t" not in json.dumps(judge.judge(stdio, "print(1)").to_json())
