"""What the image leaves out is not missed: its own list, against a whole process."""

import re
import shutil
import time
from pathlib import Path

import httpx

from support.hopline_process import Server
from support.process import Children
from support.waiting import wait_until

DOCKERFILE = Path(__file__).parents[2] / "deploy/manifests/docker/Dockerfile"
QUESTIONS = ("stats", "series", "dependencies", "heatmap", "errors", "causes", "differs", "critical-path")


def test_nothing_asks_for_what_the_image_leaves_out(children: Children, migrated_folder: Path, tmp_path: Path) -> None:
    """A10: a process without these packages takes spans, stores them, and answers API and pages."""
    removed = re.search(r"pip uninstall -y -q (.*)", DOCKERFILE.read_text())
    assert removed is not None
    for name in removed[1].split():
        (tmp_path / "without" / name).mkdir(parents=True)
        (tmp_path / "without" / name / "__init__.py").write_text(f"raise ImportError({name!r})\n")
    shutil.copytree(migrated_folder, tmp_path / "data", symlinks=True)
    flags = ("up", "--port", "0", "--otlp-port", "0", "--data", str(tmp_path / "data"))
    child = children.python("-m", "hopline_deploy", *flags, env={"PYTHONPATH": str(tmp_path / "without")})
    server = Server(child, child.wait_for_text("Hopline up: ").split()[2].rstrip(","))
    child.wait_for_url(f"{server.url}/health/ready")
    span = {"traceId": "1" * 32, "id": "2" * 16, "kind": "SERVER", "name": "get /", "duration": 9_000}
    span |= {"timestamp": time.time_ns() // 1000, "localEndpoint": {"serviceName": "web"}, "tags": {"error": "x"}}
    assert httpx.post(f"{server.url}/api/v2/spans", json=[span], timeout=60).status_code == 202
    wait_until(lambda: server.get("traces")["count"] == 1, what="the span")
    for question in QUESTIONS:
        assert server.get(question, service="web")
    for page in ("", "map", "search", "system", f"trace/{'1' * 32}"):
        assert httpx.get(f"{server.url}/{page}", timeout=60).status_code == 200, page
