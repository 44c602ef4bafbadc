"""`coding-envs eval` with folders, models, formats and rejudging; `coding-envs compare`."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from coding_envs.cli import main
from coding_envs.data import load_problems

DATA = Path(__file__).parents[2] / "data"
HUMANEVAL = str(DATA / "openai_humaneval.jsonl")
STARTER = load_problems("starter", split="test")


def call(capsys, *arguments):
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def as_json(capsys, *arguments):
    code, out, err = call(capsys, *arguments, "--json")
    assert err == ""
    return code, json.loads(out)


def write_samples(path, pairs):
    lines = [json.dumps({"task_id": key, "completion": text}) for key, text in pairs]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("starter",), "eval needs one of --samples, --model"),
        (("starter", "--samples", "reference", "--model", "m"), "eval needs one of --samples"),
        (("starter", "--endpoint", "http://x"), "--endpoint needs --model"),
        (("--samples", "reference"), "DATASET is missing"),
        (("starter", "--samples", "reference", "--format", "evalplus"), "needs --out DIR"),
        (("starter", "--samples", "reference", "--format", "mine"), "argument --format: invalid"),
        (("--rejudge", "no.jsonl"), "--rejudge: no such file: no.jsonl"),
        (("--rejudge", HUMANEVAL), "DATASET is missing: no run.json beside"),
        (("--rejudge", HUMANEVAL, "--samples", "reference"), "--rejudge goes without --samples"),
        (("starter", "--rejudge", HUMANEVAL), ":1: malformed verdict"),
        (("starter", "--model", "m", "--endpoint", "x"), "must be an address such as"),
        (("starter", "--model", "m", "--endpoint", "http://x", "--body", "3"), "--body: must be"),
        (("starter", "--model", "m", "--endpoint", "http://x", "--top-p", "2"), "top_p must be"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(capsys, arguments, says):
    code, out, err = call(capsys, "eval", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.nsjail
def test_a_folder_of_results_and_what_can_be_done_with_it(capsys, tmp_path, monkeypatch):
    a, b = STARTER[:2]
    pairs = [(a.key, a.solutions[0]), (b.key, b.wrong_solutions[0])]
    samples = write_samples(tmp_path / "s.jsonl", pairs)
    out = tmp_path / "out"
    arguments = ("eval", "starter", "--split", "test", "--limit", "2", "--samples", samples)
    code, data = as_json(capsys, *arguments, "--out", out, "--format", "human-eval")
    assert code == 0
    assert data["pass_at_k"] == {"1": 0.5}
    assert data["intervals"] == {"1": [0.0, 1.0]}
    names = ["report.html", "results.json", "run.json", "s.jsonl_results.jsonl", "verdicts.jsonl"]
    assert sorted(p.name for p in out.iterdir()) == names
    assert json.loads((out / "results.json").read_text()) == data
    page = (out / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert b.key in page
    # Once more: nothing is run.
    code, again = as_json(capsys, *arguments, "--out", out)
    assert (again["statuses"], again["executions"]) == (data["statuses"], data["executions"])
    # As a table.
    code, text, _ = call(capsys, *arguments, "--out", out)
    assert "pass@1        0.5000  95%: 0.0000 to 1.0000" in text
    assert f"report: {out / 'report.html'}" in text
    # Other problems are refused.
    code, _, err = call(capsys, *arguments[:4], "--samples", samples, "--out", out)
    assert code == 2
    assert "holds another evaluation (problems " in err
    # Verdicts anew, from another folder.
    monkeypatch.chdir(tmp_path)
    code, text, _ = call(capsys, "eval", "--rejudge", "out/verdicts.jsonl")
    assert (code, text) == (0, "2 verdicts given anew, 0 changed\n")
    lines = (out / "verdicts.jsonl").read_text().replace("ACCEPTED", "WRONG_ANSWER")
    (out / "verdicts.jsonl").write_text(lines)
    code, changed = as_json(capsys, "eval", "--rejudge", out)
    assert (code, changed["verdicts"], changed["changed"]) == (1, 2, 1)
    assert changed["changes"][0]["after"]["status"] == "ACCEPTED"


@pytest.mark.nsjail
def test_compare(capsys, tmp_path):
    common = ("eval", "starter", "--split", "test", "--limit", "20")
    wrong = write_samples(
        tmp_path / "s.jsonl", [(p.key, "    return None\n") for p in STARTER[:20]]
    )
    call(capsys, *common, "--samples", "reference", "--out", tmp_path / "a")
    call(capsys, *common, "--samples", wrong, "--out", tmp_path / "b")
    code, out, err = call(capsys, "compare", tmp_path / "b", tmp_path / "a")
    assert (code, err) == (0, "")
    assert "The second is better: the difference is significant at the 0.1% level" in out
    code, data = as_json(capsys, "compare", tmp_path / "a", tmp_path / "a")
    assert (code, data["p_value"], data["significant_at"]) == (0, 1.0, None)
    common = ("eval", "starter", "--split", "test", "--limit", "19")
    call(capsys, *common, "--samples", "reference", "--out", tmp_path / "c")
    code, _, err = call(capsys, "compare", tmp_path / "a", tmp_path / "c")
    assert code == 2
    assert "the evaluations are of 20 and 19 problems of starter/default/test" in err
    code, _, err = call(capsys, "compare", tmp_path / "a", tmp_path / "none")
    assert (code, err) == (2, f"coding-envs: error: B: no such file: {tmp_path / 'none'}\n")


class Server(ThreadingHTTPServer):
    """Solves the problems whose statement it knows; fails each third request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.broken = 0, False
        self.lock = threading.Lock()

    def handle_error(self, request, client_address):
        """Says nothing: a client that was refused once breaks off its other requests."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked += 1
            fails = self.server.asked % 3 == 0
        if self.server.broken and self.server.asked > 3:
            return self.say(400, {"error": {"message": "out of credit"}})
        if fails:
            return self.say(500, {})
        asked = body["messages"][0]["content"]
        known = next(p for p in STARTER if p.prompt.strip() in asked)
        text = f"So:\n```python\n{known.solutions[0]}\n```\n"
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return self.say(200, {"choices": [choice], "usage": {"completion_tokens": 4}})

    def say(self, status, data):
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.mark.nsjail
def test_a_model_behind_an_endpoint(capsys, tmp_path, server):
    arguments = (
        *("eval", "starter", "--split", "test", "--limit", "6", "--model", "m", "--n", "2"),
        *("--endpoint", f"http://127.0.0.1:{server.server_port}/v1", "--out", tmp_path),
        *("--concurrency", "2"),
    )
    server.broken = True
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (1, "")
    assert "status 400 Bad Request: out of credit" in err
    assert err.count("\n") == 1
    kept = (tmp_path / "samples.jsonl").read_text().count("\n")
    assert kept >= 1
    server.broken, server.asked = False, 0
    code, data = as_json(capsys, *arguments)
    assert (code, data["samples"], data["pass_at_k"]) == (0, 12, {"1": 1.0})
    assert data["tokens"] == {"prompt": 0, "completion": 48}
    assert data["settings"]["temperature"] == 0.8
    wanted = 12 - kept
    assert wanted <= server.asked <= 2 * wanted
    asked = server.asked
    assert as_json(capsys, *arguments)[1]["samples"] == 12
    assert server.asked == asked


@pytest.mark.nsjail
def test_ctrl_c_leaves_a_folder_that_goes_on(tmp_path):
    slow = "import time\nt = time.process_time()\nwhile time.process_time() < t + 0.1:\n    pass\n"
    lines = [json.dumps({"task_id": p.key, "solution": f"{slow}# {p.key}"}) for p in STARTER]
    samples = tmp_path / "s.jsonl"
    samples.write_text("\n".join(lines))
    out = tmp_path / "out"
    command = [
        *(sys.executable, "-m", "coding_envs", "eval", "starter", "--split", "test", "--limit"),
        *("24", "--samples", str(samples), "--workers", "2", "--out", str(out), "--json"),
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    verdicts = out / "verdicts.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if verdicts.exists() and verdicts.read_text().count("\n") >= 3:
            break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == f"coding-envs: interrupted; the same command goes on with what is in {out}\n"
    kept = verdicts.read_text().count("\n")
    assert 3 <= kept < 24
    assert not (out / "results.json").exists()
    before = verdicts.read_text()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["samples"] == 24
    rows = [json.loads(line) for line in before.splitlines()]
    after = {
        (r["task_id"], r["sample"]): r for r in map(json.loads, verdicts.read_text().splitlines())
    }
    assert all(after[r["task_id"], r["sample"]]["cpu_time_s"] == r["cpu_time_s"] for r in rows)
