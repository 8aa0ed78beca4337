"""A recorder, hooks that are taken out again, and a small traced server to call."""

import contextlib
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import redis

import hopline
from hopline.middleware.wsgi import TraceMiddleware
from hopline.testing import Recorder
from support import mongo_stand_in, servers
from support.need import require
from support.process import Children
from support.waiting import wait_until


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder(service="shop") as recorder:
        yield recorder


@pytest.fixture
def install() -> Iterator[Callable[..., None]]:
    """``install("requests")``; what was installed is taken out after the test."""
    names: list[str] = []

    def put_in(*hooks: str) -> None:
        names.extend(hooks)
        assert hopline.install(*hooks) == list(hooks)

    yield put_in
    if names:
        hopline.uninstall(*names)


@pytest.fixture(autouse=True)
def _waits_are_short(monkeypatch) -> None:
    """On a busy machine any connection takes its time; what a long one shows has tests of its own."""
    monkeypatch.setattr("hopline.hooks.database.WORTH_A_ROW_NS", 10**15)


class Backend:
    """A server for outgoing calls: what it was asked, and how it answers."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        """The headers of each request that came, lower-case names."""
        self.failures = 0
        """So many of the next requests to /flaky get 503."""
        self.url = ""
        self.port = 0

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        headers = {k[5:].lower().replace("_", "-"): v for k, v in environ.items() if k.startswith("HTTP_")}
        self.requests.append(headers)
        path = environ["PATH_INFO"]
        environ["hopline.route"] = path
        if path == "/redirect":
            start_response("302 Found", [("Location", "/ok"), ("Content-Length", "0")])
            return []
        if path == "/elsewhere":  # the same server by another name
            start_response("302 Found", [("Location", f"http://localhost:{self.port}/ok"), ("Content-Length", "0")])
            return []
        if path == "/flaky" and self.failures:
            self.failures -= 1
            start_response("503 Service Unavailable", [("Content-Length", "4")])
            return [b"away"]
        if path == "/missing":
            start_response("404 Not Found", [("Content-Length", "0")])
            return []
        if path == "/cut":
            start_response("200 OK", [("Content-Length", "1000")])
            return [b"only this"]
        if path == "/stream":
            start_response("200 OK", [])
            return iter([b"one", b"two"])
        body = json.dumps(headers).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def serve(app: Callable) -> Iterator[WSGIServer]:
    """Serve a WSGI application on a free port."""
    server = make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def backend(recorder: Recorder) -> Iterator[Backend]:
    """A traced server in a thread, so that its rows are in the recorder too."""
    backend = Backend()
    for server in serve(TraceMiddleware(backend)):
        backend.port = server.server_port
        backend.url = f"http://127.0.0.1:{server.server_port}"
        yield backend


class Collected:
    """Takes rows as a collector does, from processes of their own."""

    def __init__(self) -> None:
        self.url = ""
        self.rows: list[dict] = []
        """The newest copy of each row, process facts included."""
        self._posts: set[str] = set()

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        if environ["HTTP_HOPLINE_BATCH_ID"] not in self._posts:  # else its answer came too late for the sender
            self._posts.add(environ["HTTP_HOPLINE_BATCH_ID"])
            self.rows += [body["process"] | row for row in body["rows"] if row["duration_us"] is not None]
        answer = json.dumps({"accepted": len(body["rows"]), "rejected": []}).encode()
        start_response("202 Accepted", [("Content-Length", str(len(answer)))])
        return [answer]

    def wait(self, count: int, **fields: object) -> list[dict]:
        """The rows with these fields, once there are `count` of them."""

        def found() -> list[dict]:
            chosen = [row for row in self.rows if all(row.get(key) == value for key, value in fields.items())]
            return chosen if len(chosen) >= count else []

        return wait_until(found, what=f"{count} rows with {fields} among {self.rows}")


@pytest.fixture
def collected() -> Iterator[Collected]:
    """Where other processes can send their rows."""
    collected = Collected()
    for server in serve(collected):
        collected.url = f"http://127.0.0.1:{server.server_port}"
        yield collected


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory, free_port) -> Iterator[Callable[..., int]]:
    """``redis_server(*options)``: a real server's port; all servers live as long as the tests."""
    program = shutil.which("redis-server")
    require("redis-server", "" if program else "not installed (apt-get install redis-server)")
    children = Children(tmp_path_factory.mktemp("redis"))

    def start(*options: str) -> int:
        port = free_port()
        directory = tmp_path_factory.mktemp("data")
        children.start(program, "--port", str(port), "--save", "", "--dir", str(directory), *options)

        def answers() -> bool:
            with contextlib.suppress(redis.ConnectionError), redis.Redis(port=port) as client:
                return bool(client.ping())
            return False

        wait_until(answers, what="redis-server")
        return port

    yield start
    children.stop()


@pytest.fixture(scope="session")
def redis_port(redis_server) -> int:
    """The port of a real server."""
    return redis_server()


@pytest.fixture(scope="session")
def redis_cluster(redis_server, free_port) -> list[int]:
    """The ports of a cluster of two nodes, half of the slots each."""
    buses = [free_port(), free_port()]
    ports = [redis_server("--cluster-enabled", "yes", "--cluster-port", str(bus)) for bus in buses]
    nodes = [redis.Redis(port=port) for port in ports]
    for number, node in enumerate(nodes):
        half = range(number * 8_192, (number + 1) * 8_192)
        node.execute_command("CLUSTER ADDSLOTSRANGE", half[0], half[-1])
        node.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
    nodes[0].execute_command("CLUSTER MEET", "127.0.0.1", ports[1], buses[1])
    for node in nodes:
        wait_until(lambda node=node: node.cluster("info")["cluster_state"] == "ok", what="the cluster")
        node.close()
    return ports


@pytest.fixture(scope="session")
def postgres_port() -> Iterator[int]:
    """The port of a real PostgreSQL."""
    with servers.postgres() as port:
        yield port


@pytest.fixture(scope="session")
def mariadb_port() -> Iterator[int]:
    """The port of a real MariaDB."""
    with servers.mariadb() as port:
        yield port


@pytest.fixture(scope="session")
def mongo_port() -> Iterator[int]:
    """The port of what stands for MongoDB."""
    with mongo_stand_in.mongo() as port:
        yield port


@pytest.fixture(scope="session")
def rabbitmq_port() -> Iterator[int]:
    """The port of a real RabbitMQ."""
    with servers.rabbitmq() as port:
        yield port
