"""Programs that know nothing of tracing, started under the launcher."""

import os
import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from hopline.launch import AUTOSTART, environment, main
from support.waiting import wait_until

SCRIPT = """
import logging, sys, urllib.request
from concurrent.futures import ThreadPoolExecutor
logging.basicConfig(format="%(levelname)s [%(trace_id)s] %(message)s")
with ThreadPoolExecutor() as pool:
    pool.submit(lambda: urllib.request.urlopen(sys.argv[1], timeout=60).read()).result()
logging.warning("done")
"""
FLASK = """
import flask, os
app = flask.Flask("shop")

@app.get("/orders/<int:number>")
def order(number):
    return str(os.getpid())
"""
FASTAPI = """
import os
from fastapi import FastAPI
app = FastAPI()

@app.get("/orders/{number}")
def order(number: int):
    return os.getpid()
"""
CELERY = """
import celery
app = celery.Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue"}

@app.task(name="pay")
def pay():
    return 1
"""


@pytest.fixture
def run(children, collected, tmp_path):
    """``run("python", "app.py")`` under the launcher, in a folder of its own, as service shop."""

    def start(*command, **env):
        options = ("--service", "shop", "--endpoint", collected.url)
        # Only what a user's shell has: the tests' own path must not help.
        return children.python("-m", "hopline.launch", *options, "--", *command, cwd=tmp_path, env=env)

    return start


@pytest.fixture
def port(free_port):
    return free_port()


pytestmark = pytest.mark.usefixtures("patient_exit")


def get(port, number):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/orders/{number}", timeout=60) as answer:
        return answer.read().decode()


def answers_of_two_workers(port, server):
    """Ask until two processes have answered; how often was asked. A port that nobody listens on yet is not asked."""
    seen = []

    def two():
        assert server.running(), server.output[-3000:]
        seen.append(get(port, 7))
        return len(set(seen)) >= 2

    wait_until(two, 120.0, what="answers of two workers")
    return len(seen)


def check_workers(collected, count):
    rows = collected.wait(count, name="GET /orders/{number}")
    assert len(rows) == count
    assert {row["service"] for row in rows} == {"shop"}
    assert len({row["instance"] for row in rows}) == 2
    assert len({row["id"] for row in rows}) == count


def test_script(run, collected, backend, tmp_path):
    """I6: a plain script's calls are traced and its log lines have the fields, with no change of code."""
    (tmp_path / "app.py").write_text(SCRIPT)
    child = run("python", "app.py", f"{backend.url}/ok", PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert child.wait() == 0, child.output
    (row,) = collected.wait(1, kind="client")
    assert (row["service"], row["span_id"]) == ("shop", "0")
    assert backend.requests[-1]["traceparent"].split("-")[1] == row["trace_id"]
    assert "WARNING [] done" in child.output


def test_service_is_the_scripts_name(children, collected, backend, tmp_path):
    """I6: without a service name, the script's name is it, though we start before the script is known."""
    (tmp_path / "billing.py").write_text(SCRIPT)
    launcher = ("-m", "hopline.launch", "--endpoint", collected.url, "--", sys.executable)
    for command in (("-m", "billing"), ("billing.py",)):
        child = children.python(*launcher, *command, f"{backend.url}/ok", cwd=tmp_path)
        assert child.wait() == 0, child.output
    assert [row["service"] for row in collected.wait(2)] == ["billing", "billing"]


def test_hidden_sitecustomize_still_runs(run, tmp_path):
    """I6: a start hook that was there before is chained, even one that fails."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "sitecustomize.py").write_text("print('theirs', __name__)\nraise OSError('their own')\n")
    code = "import logging, sys; print(logging.Logger.makeRecord.__wrapped__.__name__, 'autostart' in str(sys.path))"
    child = run(sys.executable, "-c", code, PYTHONPATH=str(tmp_path / "theirs"))
    assert child.wait() == 0
    assert "theirs sitecustomize" in child.output
    assert "their own" in child.output
    assert "makeRecord False" in child.output


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_gunicorn(run, collected, tmp_path, port, preload):
    """I6: gunicorn's workers, forked before or after the application is loaded."""
    (tmp_path / "app.py").write_text(FLASK)
    arguments = ("-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "--no-control-socket", *preload, "app:app")
    child = run(sys.executable, *arguments)
    count = answers_of_two_workers(port, child)
    assert child.stop(60) == 0
    check_workers(collected, count)


def test_uvicorn_workers(run, collected, tmp_path, port):
    """I6: uvicorn's workers, which are new processes."""
    (tmp_path / "app.py").write_text(FASTAPI)
    child = run(sys.executable, "-m", "uvicorn", "app:app", "--workers", "2", "--port", str(port))
    count = answers_of_two_workers(port, child)
    child.stop(60)
    check_workers(collected, count)


def test_celery_prefork(run, collected, tmp_path):
    """I6: Celery's pool processes, whose last rows are sent although they end without exit functions."""
    (tmp_path / "app.py").write_text(CELERY)
    (tmp_path / "queue").mkdir()
    worker = run(sys.executable, "-m", "celery", "-A", "app", "worker", "-c", "2", "--loglevel", "info")
    worker.wait_for_text("ready.", 60.0)
    send = run(sys.executable, "-c", "from app import pay\nfor _ in range(4): pay.delay()")
    assert send.wait() == 0, send.output
    producers = collected.wait(4, kind="producer")
    consumers = collected.wait(4, kind="consumer")
    assert {row["parent_id"] for row in consumers} == {row["id"] for row in producers}
    assert {row["name"] for row in consumers} == {"process pay"}
    assert str(worker.pid) not in {row["instance"].rpartition(":")[2] for row in consumers}
    worker.send(signal.SIGTERM)
    worker.wait(60)


def test_environment():
    """I6: settings become HOPLINE_*, our folder comes first on the path and only once."""
    made = environment({"PYTHONPATH": f"/a{os.pathsep}{AUTOSTART}", "HOME": "/h"}, {"service": "shop"})
    assert made == {"PYTHONPATH": f"{AUTOSTART}{os.pathsep}/a", "HOME": "/h", "HOPLINE_SERVICE": "shop"}


def test_bad_command_lines(capsys):
    """O2: exit 2 without a command, 127 for one that is not there, with a line that says so."""
    for arguments, code in (([], 2), (["--", "/no/such/program"], 127), (["--", "/"], 126)):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == code
    assert "/no/such/program: No such file" in capsys.readouterr().err
