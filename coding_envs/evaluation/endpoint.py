"""Endpoint: samples from any server that speaks OpenAI's protocol, many requests at a time.

One request per sample: every server has that, and an interrupted evaluation goes on sample by
sample. Only the standard library is needed.

Source of the protocol: the reference of OpenAI's API, "Create chat completion" and "Create
completion"; RFC 9110, section 10.2.3, for Retry-After.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import queue
import random
import socket
import ssl
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ..data import ProblemSet
from ..errors import CodingEnvsError, InvalidValueError
from ..problem import Problem
from .generation import Wanted, Written, check_sampling, program_of
from .prompts import chat_prompt, completion_prompt

__all__ = ["Endpoint"]

_RETRIED = {408, 409, 425, 429}  # and all from 500 on
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_MAX_RETRY_AFTER_S = 600.0  # who asks for more will not answer in this run
_MAX_ANSWER_BYTES = 64 * 2**20
_JOIN_S = 5.0


class _RefusedError(Exception):
    """An answer, or the lack of one, after which it is no use to try again."""


class _FailedError(Exception):
    """An answer, or the lack of one, that may be better the next time.

    Attributes:
      wait_s: how long the server asks to wait, seconds, or None.
    """

    def __init__(self, text: str, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Endpoint:
    """A server that writes programs.

    A request that fails for a passing reason (no connection, no answer in time, status 408, 409,
    425, 429 or 5xx, an answer that is no JSON) is made again, after a wait that doubles from 1 to
    60 s, or as long as the server's Retry-After says. Any other status, or the last failure in a
    row, ends the evaluation with an error; what was written until then is kept.

    Args:
      url: such as http://localhost:8000/v1; `/chat/completions` (or `/completions`) follows it.
      model: the model's name there.
      api_key: sent as a bearer token; "" sends none. Never shown.
      prompt: "chat" asks for an answer, "completion" for the rest of a text.
      temperature, top_p, max_tokens: of the sampling.
      seed: a sample's own seed is this plus its number; servers are free to pass over it.
      body: more of the request's keys, such as {"reasoning_effort": "low"}; None removes one.
      concurrency: requests under way at one time.
      timeout_s: for one request, seconds.
      tries: requests for one sample before it counts as failed.

    Raises:
      InvalidValueError: an argument is out of its range; names it.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str = "",
        prompt: str = "chat",
        temperature: float = 0.0,
        top_p: float = 1.0,
        max_tokens: int = 2048,
        seed: int = 0,
        body: Mapping[str, Any] | None = None,
        concurrency: int = 8,
        timeout_s: float = 300.0,
        tries: int = 6,
    ) -> None:
        check_sampling(
            prompt=prompt, temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed
        )
        for name, value in (("concurrency", concurrency), ("tries", tries)):
            if value < 1:
                raise InvalidValueError(f"{name} must be >= 1, got {value}")
        if not 0 < timeout_s <= 86_400:
            raise InvalidValueError(f"timeout_s must be > 0 and at most a day, got {timeout_s}")
        self._url = _checked_url(url, "/chat/completions" if prompt == "chat" else "/completions")
        self._api_key = api_key.strip()
        if not self._api_key.isascii() or any(c.isspace() for c in self._api_key):
            raise InvalidValueError("the API key must be ASCII text without blanks; it is not")
        self._prompt, self._concurrency = prompt, concurrency
        self._timeout_s, self._tries = timeout_s, tries
        self._seed = seed
        self._body: dict[str, Any] = {
            "model": model,
            "temperature": temperature,
            "top_p": top_p,
            "max_tokens": max_tokens,
        }
        self._extra = dict(body or {})
        self._stopped = threading.Event()
        self._answered = False  # by now, so that the server is there
        self._live: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.retries = 0

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides what is written."""
        return {
            "endpoint": self._url,
            "prompt": self._prompt,
            **self._body,
            "seed": self._seed,
            "body": self._extra,
        }

    def write(self, problems: ProblemSet, wanted: Wanted) -> Iterator[Written]:
        """Yields a sample for each that is wanted, as they arrive.

        Raises:
          CodingEnvsError: the server refused a request, or failed again and again.
        """
        tasks: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        for task in wanted:
            tasks.put(task)
        answers: queue.SimpleQueue[Written | Exception] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._threads = [
            # Daemons: nothing that a server does may keep this process from ending.
            threading.Thread(target=self._work, args=(problems, tasks, answers), daemon=True)
            for _ in range(min(self._concurrency, len(wanted)))
        ]
        for thread in self._threads:
            thread.start()
        try:
            for _ in wanted:
                answer = answers.get()
                if isinstance(answer, Exception):
                    self.close()
                    while not answers.empty():  # what has arrived meanwhile was paid for
                        late = answers.get()
                        if isinstance(late, Written):
                            yield late
                    raise answer
                yield answer
        finally:
            self.close()

    def close(self) -> None:
        """Breaks off the requests that are under way."""
        self._stopped.set()
        with self._lock:
            live = list(self._live)
        for one in live:
            _cut(one)
        for thread in self._threads:
            thread.join(_JOIN_S)
        self._threads = []

    def _work(
        self,
        problems: ProblemSet,
        tasks: queue.SimpleQueue[tuple[str, int]],
        answers: queue.SimpleQueue[Written | Exception],
    ) -> None:
        stopped = self._stopped
        while not stopped.is_set():
            try:
                key, number = tasks.get_nowait()
            except queue.Empty:
                return
            try:
                with self._lock:  # a row may be decoded just now
                    problem = problems.by_key(key)
                answers.put(self._sample(problem, number, stopped))
            except Exception as error:
                answers.put(error)
                return

    def _sample(self, problem: Problem, number: int, stopped: threading.Event) -> Written:
        body = self._body | {"seed": self._seed + number}
        if self._prompt == "chat":
            body["messages"] = [{"role": "user", "content": chat_prompt(problem)}]
        else:
            body["prompt"] = completion_prompt(problem)
        body = {name: value for name, value in (body | self._extra).items() if value is not None}
        data = json.dumps(body).encode("utf-8", "surrogatepass")
        wait_s, failure = _FIRST_WAIT_S, ""
        for turn in range(self._tries):
            try:
                return self._read(problem, number, self._answer(data))
            except _RefusedError as error:
                raise CodingEnvsError(f"{self._url}: {error}") from None
            except _FailedError as error:
                failure = str(error)
                pause_s = random.uniform(0.75, 1.25) * wait_s  # so that not all come back at once
                if error.wait_s is not None:
                    pause_s = max(pause_s if error.wait_s else 0.0, error.wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
                if turn + 1 < self._tries:
                    self.retries += 1
                    if stopped.wait(pause_s):
                        break
        raise CodingEnvsError(
            f"{self._url}: failed {self._tries} times in a row for {problem.key} "
            f"#{number}, at last: {failure}; the same command with the same --out goes on"
        )

    def _read(self, problem: Problem, number: int, answer: bytes) -> Written:
        """Returns the sample that an answer holds."""
        try:
            data = json.loads(answer)
            choice = data["choices"][0]
            text = choice["message"]["content"] if self._prompt == "chat" else choice["text"]
            text = "" if text is None else text  # a refusal, or thoughts that took all the tokens
            if not isinstance(text, str):
                raise TypeError(f"content is {type(text).__name__}")
            cut = choice.get("finish_reason") == "length"
        except (ValueError, TypeError, LookupError, RecursionError, AttributeError) as error:
            start = answer[:120].decode("utf-8", "replace")
            raise _FailedError(
                f"an answer that is not of the protocol ({type(error).__name__}): {start!r}"
            ) from None
        self._answered = True
        usage = data.get("usage")
        return Written(
            key=problem.key,
            sample=number,
            text=text,
            program=program_of(problem, text, self._prompt),
            cut=cut,
            prompt_tokens=_count(usage, "prompt_tokens"),
            completion_tokens=_count(usage, "completion_tokens"),
        )

    def _answer(self, data: bytes) -> bytes:
        """Returns the body of an answer with status 200."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Connection": "close",
            "User-Agent": "coding-envs",
        }
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        try:
            status, found, body = self._exchange(data, headers)
        except ssl.SSLCertVerificationError as error:
            raise _RefusedError(f"its certificate is not trusted: {error.verify_message}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            text = f"{type(error).__name__}: {error}"
            if not self._answered and isinstance(error, (ConnectionRefusedError, socket.gaierror)):
                raise _RefusedError(f"no server answers there ({text}); start it") from None
            raise _FailedError(text) from None
        if status == 200:
            return body
        text = f"status {status} {http.client.responses.get(status, '')}: {self._said(body)}"
        if status in _RETRIED or status >= 500:
            raise _FailedError(text, _retry_after(found.get("Retry-After")))
        if 300 <= status < 400:
            text += f"; give the final address, which may be {found.get('Location', 'elsewhere')!r}"
        if status in (401, 403):
            text += "; is the right key in the environment? see --api-key-env"
        raise _RefusedError(text)

    def _exchange(
        self, data: bytes, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection, target = _connect(self._url, self._timeout_s)
        expired = threading.Event()
        try:
            connection.connect()
            opened = connection.sock
            with self._lock:
                self._live.add(opened)
            if self._stopped.is_set():
                raise ConnectionAbortedError("stopped")

            def expire() -> None:
                expired.set()
                _cut(opened)

            # The socket's own time-out is for each read: a server that drips would never end.
            timer = threading.Timer(self._timeout_s, expire)
            timer.daemon = True
            timer.start()
            try:
                connection.request("POST", target, data, headers)
                response = connection.getresponse()
                body = response.read(_MAX_ANSWER_BYTES + 1)
                if len(body) > _MAX_ANSWER_BYTES:
                    raise _RefusedError(f"an answer of more than {_MAX_ANSWER_BYTES} bytes")
                left = response.length
                if left:
                    raise http.client.IncompleteRead(body, left)
            except (OSError, http.client.HTTPException, ValueError):
                if expired.is_set():
                    raise TimeoutError(f"no answer within {self._timeout_s:g} s") from None
                raise
            finally:
                timer.cancel()
                with self._lock:
                    self._live.discard(opened)
            if expired.is_set():
                raise TimeoutError(f"no answer within {self._timeout_s:g} s")
            return response.status, response.headers, body
        except TimeoutError:
            raise TimeoutError(f"no answer within {self._timeout_s:g} s") from None
        finally:
            connection.close()

    def _said(self, body: bytes) -> str:
        """Returns what an error's body says, on one line, without the key."""
        text = body[:4000].decode("utf-8", "replace")
        try:
            error = json.loads(body)
            error = error.get("error", error)
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        except (ValueError, AttributeError, RecursionError):
            pass
        if self._api_key:
            text = text.replace(self._api_key, "***")
        return " ".join(text.split())[:300] or "nothing"


def _checked_url(url: str, path: str) -> str:
    parts = urllib.parse.urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise InvalidValueError(
            f"endpoint must be an address such as http://localhost:8000/v1, got {url!r}"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidValueError(
            "endpoint must be an address without user, query and fragment; give the key in the "
            "environment (see --api-key-env)"
        )
    known = parts.path.rstrip("/")
    return url.rstrip("/") if known.endswith(path) else url.rstrip("/") + path


def _connect(url: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    """Returns a connection, by the environment's proxy where there is one, and the target."""
    parts = urllib.parse.urlsplit(url)
    host, port = str(parts.hostname), parts.port
    secure = parts.scheme == "https"
    target = parts.path or "/"
    proxy = "" if urllib.request.proxy_bypass(host) else _proxy(parts.scheme)
    if proxy:
        via = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
        where = (str(via.hostname), via.port or 8080)
        if secure:
            tunnel = http.client.HTTPSConnection(*where, timeout=timeout_s)
            tunnel.set_tunnel(host, port or 443)
            return tunnel, target
        return http.client.HTTPConnection(*where, timeout=timeout_s), url
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return kind(host, port, timeout=timeout_s), target


def _proxy(scheme: str) -> str:
    return urllib.request.getproxies().get(scheme, "")


def _cut(one: socket.socket) -> None:
    """Ends a connection that another thread reads from, which then sees the end of it."""
    with contextlib.suppress(OSError):  # it has ended meanwhile
        socket.socket.shutdown(one, socket.SHUT_RDWR)  # not TLS's own, which is not for two threads


def _retry_after(text: str | None) -> float | None:
    """Returns how long to wait, seconds, or None where nothing (sensible) is said."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    if not seconds >= 0:
        return 0.0
    if seconds > _MAX_RETRY_AFTER_S:
        raise _RefusedError(f"asks to wait {seconds:.0f} s; try again later")
    return seconds


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and value >= 0 else 0
