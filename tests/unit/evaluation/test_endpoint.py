"""A model behind HTTP: against a real server that misbehaves."""

import json
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from coding_envs.data import ProblemSet
from coding_envs.errors import CodingEnvsError, InvalidValueError
from coding_envs.evaluation import Endpoint, endpoint, write_samples
from coding_envs.problem import Problem, StdioTest

PROBLEMS = ProblemSet(
    [Problem("echo", key, f"Say {key}.", hidden_tests=(StdioTest("", key),)) for key in "abc"],
    name="echo",
)
WANTED = [(key, number) for key in "abc" for number in range(2)]


def chat(text="```python\nprint(1)\n```", finish="stop"):
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 5}}


class Handler(BaseHTTPRequestHandler):
    """Each request takes the next of the server's answers; the last one stays."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.seen.append((self.path, dict(self.headers), body))
            server.times.append(time.monotonic())
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        with suppress(OSError):  # the client has gone
            answer(self)

    def say(self, status, data, **headers):
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def good(handler):
    handler.say(200, chat())


@contextmanager
def serving(*answers):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.answers, server.seen, server.times = list(answers), [], []
    server.lock = threading.Lock()
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(endpoint, "_FIRST_WAIT_S", 0.02)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def write(server, wanted=WANTED, **kwargs):
    writer = Endpoint(server.url, "m", **kwargs)
    return list(writer.write(PROBLEMS, wanted)), writer


def test_every_sample_is_asked_for_once_with_its_seed():
    with serving(good) as server:
        found, _ = write(server, api_key="k3y", seed=10, temperature=0.5, top_p=0.9, max_tokens=9)
    assert sorted((w.key, w.sample) for w in found) == WANTED
    assert {w.program for w in found} == {"print(1)\n"}
    assert {(w.prompt_tokens, w.completion_tokens, w.cut) for w in found} == {(7, 5, False)}
    assert {path for path, _, _ in server.seen} == {"/v1/chat/completions"}
    assert {headers["Authorization"] for _, headers, _ in server.seen} == {"Bearer k3y"}
    asked = sorted(
        (b["messages"][0]["content"].count("Say a."), b["seed"]) for _, _, b in server.seen
    )
    assert asked == [(0, 10), (0, 10), (0, 11), (0, 11), (1, 10), (1, 11)]
    body = server.seen[0][2]
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == (
        *("m", 0.5, 0.9, 9),
    )


def test_texts_to_go_on_with_and_more_of_the_body():
    def answer(handler):
        handler.say(200, {"choices": [{"text": "print(2)\n```", "finish_reason": "length"}]})

    with serving(answer) as server:
        found, _ = write(
            server, [("a", 0)], prompt="completion", body={"max_tokens": None, "stop": ["#"]}
        )
    assert [(w.program, w.text, w.cut) for w in found] == [("print(2)", "print(2)\n```", True)]
    ((path, headers, body),) = server.seen
    assert path == "/v1/completions"
    assert "Authorization" not in headers
    assert body["prompt"] == '"""\nSay a.\n"""\n'
    assert body["stop"] == ["#"]
    assert "max_tokens" not in body


def test_no_more_requests_than_allowed_are_under_way():
    under_way, seen = set(), []

    def slow(handler):
        under_way.add(handler)
        seen.append(len(under_way))
        time.sleep(0.05)
        under_way.remove(handler)  # before the client knows that it may ask again
        good(handler)

    with serving(slow) as server:
        write(server, [("a", n) for n in range(12)], concurrency=3)
    assert max(seen) == 3


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(lambda h: h.say(429, {"error": {"message": "slow down"}}), id="429"),
        pytest.param(lambda h: h.say(500, b"<html>oops</html>"), id="500"),
        pytest.param(lambda h: h.say(503, b"", Retry_After="soon"), id="strange Retry-After"),
        pytest.param(lambda h: h.say(200, b'{"choices": ['), id="bad JSON"),
        pytest.param(lambda h: h.say(200, []), id="no object"),
        pytest.param(lambda h: h.say(200, {"choices": []}), id="no choice"),
        pytest.param(lambda h: h.say(200, {"choices": [{"message": {"content": 3}}]}), id="int"),
        pytest.param(lambda h: h.say(200, b"[" * 100_000), id="deep JSON"),
        pytest.param(lambda h: h.connection.close(), id="closed"),
        pytest.param(lambda h: h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le"), id="cut header"),
        pytest.param(
            lambda h: h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"), id="cut"
        ),
        pytest.param(lambda h: h.wfile.write(b"what?\r\n\r\n"), id="no HTTP"),
    ],
)
def test_passing_failures_are_tried_again(bad):
    with serving(bad, bad, good) as server:
        found, writer = write(server, [("a", 0)])
    assert [w.program for w in found] == ["print(1)\n"]
    assert len(server.seen) == 3
    assert writer.retries == 2


def drip(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.02)


def drip_header(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.02)


@pytest.mark.parametrize("bad", [lambda h: time.sleep(4), drip, drip_header])
def test_slow_answers_are_broken_off(bad):
    started = time.monotonic()
    with serving(bad, good) as server:
        found, _ = write(server, [("a", 0)], timeout_s=0.3)
        assert time.monotonic() - started < 2
        assert [w.program for w in found] == ["print(1)\n"]


@pytest.mark.parametrize(
    ("after", "least"),
    [("0.4", 0.4), ("in an hour", None), ("0", 0.0)],
)
def test_retry_after_is_obeyed(after, least):
    if after == "in an hour":
        after = formatdate(time.time() + 3600, usegmt=True)
    with serving(lambda h: h.say(429, b"", Retry_After=after), good) as server:
        if least is None:
            with pytest.raises(CodingEnvsError, match=r"asks to wait 3[56]"):
                write(server, [("a", 0)])
            return
        write(server, [("a", 0)])
    assert server.times[1] - server.times[0] >= least


def test_a_failure_that_stays_ends_with_an_error_that_names_it():
    with (
        serving(lambda h: h.say(502, {"error": "no upstream"})) as server,
        pytest.raises(CodingEnvsError) as caught,
    ):
        write(server, [("a", 0)], tries=3)
    assert len(server.seen) == 3
    assert "failed 3 times in a row for a #0, at last: status 502 Bad Gateway: no upstream" in str(
        caught.value
    )


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refusal_is_not_tried_again_and_never_shows_the_key(status):
    def refuse(handler):
        handler.say(status, {"error": {"message": "what is\nk3y-0123?"}})

    with serving(refuse) as server, pytest.raises(CodingEnvsError) as caught:
        write(server, [("a", 0)], api_key="k3y-0123")
    assert len(server.seen) == 1
    assert f"status {status}" in str(caught.value)
    assert "what is ***?" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_redirection_is_not_followed():
    with (
        serving(lambda h: h.say(307, b"", Location="http://127.0.0.1:1/")) as server,
        pytest.raises(CodingEnvsError, match=r"give the final address, .*'http://127.0.0.1:1/'"),
    ):
        write(server, [("a", 0)])


def test_no_server_at_all_is_said_at_once():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{one.getsockname()[1]}/v1"
    started = time.monotonic()
    with pytest.raises(CodingEnvsError, match="no server answers there"):
        list(Endpoint(url, "m").write(PROBLEMS, WANTED))
    assert time.monotonic() - started < 2


def test_leaving_early_breaks_off_what_is_under_way():
    before = threading.active_count()
    with serving(good, lambda h: time.sleep(3)) as server:
        writer = Endpoint(server.url, "m", concurrency=4)
        samples = writer.write(PROBLEMS, [("a", n) for n in range(8)])
        next(samples)
        started = time.monotonic()
        samples.close()
        assert time.monotonic() - started < 1
        assert not [t for t in threading.enumerate() if "_work" in t.name]
    assert threading.active_count() <= before + 4  # the server's own, asleep


def test_empty_answers_make_empty_programs():
    with serving(lambda h: h.say(200, chat(None))) as server:
        found, _ = write(server, [("a", 0)])
    assert (found[0].text, found[0].program) == ("", "")


@pytest.mark.parametrize(
    ("url", "kwargs", "says"),
    [
        ("localhost:8000", {}, "must be an address such as http"),
        ("ftp://x/v1", {}, "must be an address such as http"),
        ("http://x:y/v1", {}, "must be an address such as http"),
        ("http://u:p@x/v1", {}, "without user"),
        ("http://x/v1", {"temperature": -1}, "temperature must be in 0..100, got -1"),
        ("http://x/v1", {"top_p": 0}, "top_p must be > 0"),
        ("http://x/v1", {"max_tokens": 0}, "max_tokens must be >= 1"),
        ("http://x/v1", {"seed": -1}, "seed must be in"),
        ("http://x/v1", {"prompt": "say"}, "prompt must be chat or completion"),
        ("http://x/v1", {"concurrency": 0}, "concurrency must be >= 1"),
        ("http://x/v1", {"timeout_s": 0}, "timeout_s must be > 0"),
        ("http://x/v1", {"api_key": "a\nb"}, "the API key must be ASCII"),
    ],
)
def test_a_wrong_call_is_refused(url, kwargs, says):
    with pytest.raises(InvalidValueError, match=r"^[^\n]*$") as caught:
        Endpoint(url, "m", **kwargs)
    assert says in str(caught.value)


def test_the_full_address_may_be_given_and_a_proxy_is_used(monkeypatch):
    with serving(good) as server:
        full = f"{server.url}/chat/completions"
        assert Endpoint(full, "m").settings["endpoint"] == full
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
        monkeypatch.delenv("no_proxy", raising=False)
        found = list(Endpoint("http://models.invalid/v1", "m").write(PROBLEMS, [("a", 0)]))
    assert found[0].program == "print(1)\n"
    assert server.seen[0][0] == "http://models.invalid/v1/chat/completions"
    assert os.environ["http_proxy"]


def test_samples_per_problem_in_order():
    with serving(good) as server:
        found = write_samples(PROBLEMS, Endpoint(server.url, "m"), 3)
    assert {key: [w.sample for w in some] for key, some in found.items()} == {
        key: [0, 1, 2] for key in "abc"
    }
