"""`hopline doctor`: each part in one line, with advice."""

import json
from pathlib import Path

from hopline_deploy.ports import free_ports
from support import Children
from support.engine import Front


def doctor(children: Children, *flags: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, dict]]:
    child = children.python("-m", "hopline_deploy", "doctor", "--json", *flags, env=env)
    code = child.wait(60)
    return code, {finding["part"].split()[0]: finding for finding in json.loads(child.output)}


def test_it_says_what_is_wrong(children: Children, tmp_path: Path) -> None:
    """O2: a store without tables and a server that is away are named, with advice, and it ends with 1."""
    web, otlp, away = free_ports(3)
    environment = {"HOPLINE_PORT": str(web), "HOPLINE_OTLP_PORT": str(otlp)}
    flags = ("--data", str(tmp_path / "d"), "--server", f"http://127.0.0.1:{away}")
    code, found = doctor(children, *flags, env=environment)
    assert code == 1
    assert found["port"]["ok"]
    assert "schema 0 of" in found["store"]["says"]
    assert "hopline migrate" in found["store"]["advice"]
    assert not found["server"]["ok"]


def test_migrate_shows_its_sql_beforehand(children: Children, tmp_path: Path) -> None:
    """C10: for one server and for a cluster, without a store and without making one."""
    flags = ["migrate", "--dry-run", "--data", str(tmp_path / "none")]
    single = children.python("-m", "hopline_deploy", *flags)
    cluster = children.python("-m", "hopline_deploy", *flags, env={"HOPLINE_CLUSTER": "main"})
    assert (single.wait(30), cluster.wait(30)) == (0, 0)
    assert "CREATE TABLE IF NOT EXISTS hopline.spans " in single.output
    assert "CLUSTER" not in single.output
    assert "CREATE TABLE IF NOT EXISTS hopline_local.spans ON CLUSTER main" in cluster.output
    assert "Distributed(main, hopline_local, spans" in cluster.output
    assert not (tmp_path / "none").exists()


def test_migrate_heals_the_store(children: Children, clickhouse: Front, tmp_path: Path) -> None:
    """C10, O2: `hopline migrate` is safe to repeat, on a server too, and the doctor is content then."""
    (away,) = free_ports(1)
    flags = ("--clickhouse", clickhouse.url, "--database", "doctored")
    for _ in range(2):
        assert children.python("-m", "hopline_deploy", "migrate", *flags).wait(60) == 0
    _, found = doctor(children, *flags, "--server", f"http://127.0.0.1:{away}")
    clickhouse.execute("DROP DATABASE doctored")
    assert found["store"]["ok"], found


def test_a_broker_that_is_away_is_named(children: Children, tmp_path: Path) -> None:
    """O2: the broker is asked only when one is set."""
    (away,) = free_ports(1)
    _, found = doctor(children, "--data", str(tmp_path / "d"), "--kafka", f"127.0.0.1:{away}")
    assert not found["broker"]["ok"]
    assert "--kafka" in found["broker"]["advice"]
