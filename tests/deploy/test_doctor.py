"""`hopline doctor`: each part in one line, with advice."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hopline_collector.sources.journal import Journal, JournalBrokenError
from hopline_collector.store.migrate import migrate
from hopline_deploy import access
from hopline_deploy.doctor.examine import examine
from hopline_deploy.doctor.finding import Finding
from hopline_deploy.opening import open_store
from hopline_deploy.settings import Settings
from support import Children
from support.certificate import make_certificate
from support.clickhouse_server import Server as ClickHouseServer
from support.hopline_process import Server
from support.ports import lasting_ports


def doctor(children: Children, *flags: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, dict]]:
    child = children.python("-m", "hopline_deploy", "doctor", "--json", *flags, env=env)
    code = child.wait(60)
    return code, {finding["part"].split()[0]: finding for finding in json.loads(child.output)}


def test_it_says_what_is_wrong(children: Children, tmp_path: Path) -> None:
    """O2: a store without tables and a server that is away are named, with advice, and it ends with 1."""
    web, otlp, away = lasting_ports(3)
    environment = {"HOPLINE_PORT": str(web), "HOPLINE_OTLP_PORT": str(otlp), "HOPLINE_FREE_DISK_BYTES": "1"}
    flags = ("--data", str(tmp_path / "d"), "--server", f"http://127.0.0.1:{away}")
    code, found = doctor(children, *flags, env=environment)
    assert code == 1
    assert found["port"]["ok"]
    assert "schema 0 of" in found["store"]["says"]
    assert "hopline migrate" in found["store"]["advice"]
    assert not found["server"]["ok"]
    assert not (tmp_path / "d").exists()


def test_migrate_shows_its_sql_beforehand(children: Children, tmp_path: Path) -> None:
    """C10: for one server and for a cluster, without a store and without making one."""
    flags = ["migrate", "--dry-run", "--data", str(tmp_path / "none")]
    single = children.python("-m", "hopline_deploy", *flags)
    cluster = children.python("-m", "hopline_deploy", *flags, env={"HOPLINE_CLUSTER": "main"})
    assert (single.wait(60), cluster.wait(60)) == (0, 0)
    assert "CREATE TABLE IF NOT EXISTS hopline.spans " in single.output
    assert "CLUSTER" not in single.output
    assert "CREATE TABLE IF NOT EXISTS hopline_local.spans ON CLUSTER main" in cluster.output
    assert "Distributed(main, hopline_local, spans" in cluster.output
    assert not (tmp_path / "none").exists()


def test_migrate_heals_the_store(children: Children, clickhouse: ClickHouseServer, tmp_path: Path) -> None:
    """C10, O2: `hopline migrate` is safe to repeat, on a server too, and the doctor is content then."""
    (away,) = lasting_ports(1)
    flags = ("--clickhouse", clickhouse.url, "--database", "doctored")
    for _ in range(2):
        assert children.python("-m", "hopline_deploy", "migrate", *flags).wait(60) == 0
    _, found = doctor(children, *flags, "--server", f"http://127.0.0.1:{away}")
    clickhouse.execute("DROP DATABASE doctored")
    assert found["store"]["ok"], found


def test_a_broker_that_is_away_is_named(children: Children, tmp_path: Path) -> None:
    """O2: the broker is asked only when one is set."""
    (away,) = lasting_ports(1)
    _, found = doctor(children, "--data", str(tmp_path / "d"), "--kafka", f"127.0.0.1:{away}")
    assert not found["broker"]["ok"]
    assert "--kafka" in found["broker"]["advice"]


def looked(settings: Settings, server: str = "http://127.0.0.1:9", token: str = "") -> dict[str, Finding]:
    return {finding.part.split()[0]: finding for finding in examine(settings, server, token)}


@contextmanager
def serving(ready: dict[str, Any], *, status: int = 200, date: str = "", known: Any = None) -> Iterator[str]:
    """A server that answers as a Hopline in that state does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.path.startswith("/api/v1/freshness")
            self.send_response_only(known[0] if asked else status)
            self.send_header("Date", date or self.date_time_string())
            self.end_headers()
            self.wfile.write(json.dumps(known[1] if asked else ready).encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


UP = {"status": "up", "troubles": {}}
FRESH = (200, {"state": "ok", "behind_s": 0.1, "dropping": []})
LOSING = {"service": "a", "instance": "h:1", "dropped": 7, "reasons": {"buffer_full": 7}}


@pytest.mark.parametrize(
    ("server", "part", "says"),
    [
        ({"ready": {"status": "down", "troubles": {"store": "no space left"}}, "status": 503}, "server", "no space"),
        ({"ready": {"status": "up", "troubles": {"kafka": "not connected yet"}}}, "server", "kafka: not connected"),
        ({"ready": UP, "date": "Mon, 01 Jan 2024 00:00:00 GMT"}, "clock", "s from here"),
        ({"ready": UP, "known": (401, {"error": {"message": "a token with scope read is needed"}})}, "token", "scope"),
        ({"ready": UP, "known": (200, {**FRESH[1], "state": "behind", "behind_s": 90.0})}, "ingest", "90.0 s behind"),
        ({"ready": UP, "known": (200, {**FRESH[1], "dropping": [LOSING]})}, "sender", "a h:1 lost 7 rows"),
    ],
)
def test_faults_of_a_running_server(tmp_path: Path, server: dict[str, Any], part: str, says: str) -> None:
    """A8: a server that is not ready, lags, refuses the token or has another time is named with the reason."""
    with serving(**{"known": FRESH, **server}) as address:
        found = looked(Settings(data=str(tmp_path / "d"), port=0, otlp_port=0), address)
    assert {name for name, finding in found.items() if not finding.ok} == {part}
    assert says in found[part].says
    assert found[part].advice


def test_a_full_disk_is_no_healthy_disk(tmp_path: Path) -> None:
    """A8: less free space than inserts need is a fault, before a store is there too."""
    found = looked(Settings(data=str(tmp_path / "d"), port=0, otlp_port=0, free_disk_bytes=10**18))
    assert "inserts stop below" in found["disk"].says
    assert not found["disk"].ok


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    """A8: the data folder's name is taken by a file."""
    (tmp_path / "d").write_text("")
    assert "is a file" in looked(Settings(data=str(tmp_path / "d"), port=0, otlp_port=0))["disk"].says


def test_faults_of_files(tmp_path: Path) -> None:
    """A8: a broken token file and a certificate that is not there are named."""
    (tmp_path / "tokens").write_text("read 1234\n")
    files = {"tokens": str(tmp_path / "tokens"), "tls_cert": str(tmp_path / "c"), "tls_key": str(tmp_path / "k")}
    found = looked(Settings(data=str(tmp_path / "d"), port=0, otlp_port=0, **files))
    assert "line 1" in found["tokens"].says
    assert not found["certificate"].ok


@pytest.mark.parametrize("text", ["garbage" * 200, "", None])
def test_faults_of_the_journal_and_of_rules(tmp_path: Path, text: str | None) -> None:
    """A8: a damaged journal and a wrong file of rules are named, by a start too; looking leaves nothing behind."""
    file, rules = tmp_path / "d" / "journal" / "journal.sqlite", tmp_path / "rules.toml"
    Journal(file).close()
    if text is not None:
        file.write_text(text)
        rules.write_text("[[rule]]\n" if text else "")
    before = sorted(tmp_path.rglob("*"))
    found = looked(Settings(data=str(tmp_path / "d"), port=0, otlp_port=0, alerts=str(rules)))
    assert sorted(tmp_path.rglob("*")) == before
    assert found["journal"].ok == (text in {"", None})
    assert found["alerts"].ok == (text == "")
    if text:
        assert "rule 1: name is missing" in found["alerts"].says
        with pytest.raises(JournalBrokenError, match=r"journal\.sqlite: file is not a database; move it away"):
            Journal(file)


def test_another_program_is_no_hopline(tmp_path: Path) -> None:
    """A8: what answers with anything but JSON is named for what it is."""
    with serving(["a list"]) as address:  # type: ignore[arg-type]
        found = looked(Settings(data=str(tmp_path / "d"), port=0, otlp_port=0), address)
    assert "another program answers there" in found["server"].says


def test_modes_of_secret_files(tmp_path: Path) -> None:
    """A4, A8: a key that others may read and a token file that others may write are named with the way to mend them."""
    certificate, key = make_certificate(tmp_path)
    (tmp_path / "tokens").write_text(access.create("read")[1])
    files = {"tokens": str(tmp_path / "tokens"), "tls_cert": str(certificate), "tls_key": str(key)}
    settings = Settings(data=str(tmp_path / "d"), port=0, otlp_port=0, **files)
    key.chmod(0o600)
    (tmp_path / "tokens").chmod(0o644)
    assert "modes" not in looked(settings)
    key.chmod(0o640)
    (tmp_path / "tokens").chmod(0o666)
    found = looked(settings)["modes"]
    assert found.says == f"{tmp_path}/tokens: every user of this machine may write it (mode 666)"
    key.chmod(0o644)
    assert looked(settings)["modes"].advice == f"chmod 600 {key}"


def test_a_port_of_somebody_else(tmp_path: Path) -> None:
    """A8: the holder's process id is in the line when no Hopline answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = looked(Settings(data=str(tmp_path / "d"), port=taken.getsockname()[1], otlp_port=0))
    assert found["port"].says == f"held by process {os.getpid()}"
    assert not found["port"].ok


def test_faults_of_a_server_of_clickhouse(clickhouse: ClickHouseServer) -> None:
    """A8: one that is away, a schema of a later release, tables with other settings, a disk without room."""
    (away,) = lasting_ports(1)
    assert not looked(Settings(clickhouse=f"http://127.0.0.1:{away}", port=0, otlp_port=0))["store"].ok
    settings = Settings(clickhouse=clickhouse.url, database="twelve", port=0, otlp_port=0)
    store = open_store(settings)
    migrate(store)
    store.close()
    assert looked(settings)["store"].ok
    full = looked(replace(settings, free_disk_bytes=10**18))["store"]
    assert not full.ok
    unlike = looked(replace(settings, fsync=True))["store"]
    assert "have other settings" in unlike.says
    clickhouse.execute("INSERT INTO twelve.schema_version VALUES (9999, 'later', 1)")
    later = looked(settings)["store"]
    clickhouse.execute("DROP DATABASE twelve")
    assert "schema 9999" in later.says


def test_a_healthy_server_is_called_healthy(
    children: Children, hopline_up: Callable[..., Server], tmp_path: Path
) -> None:
    """A8: beside a running server every line is ok, its folder and ports being its own; and nothing is created."""
    server = hopline_up("--data", str(tmp_path / "d"))
    for folder in (tmp_path / "d", tmp_path / "none"):
        before = sorted(tmp_path.glob("*"))
        code, found = doctor(children, "--data", str(folder), "--server", server.url)
        assert code == 0, found
        assert "open in process" in found["store"]["says"] or folder.name == "none"
        assert {p.name for p in set(tmp_path.glob("*")) - set(before)} <= {
            p.name for p in tmp_path.glob("process-*.log")
        }
