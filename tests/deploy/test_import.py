"""`hopline import`: files of every format, with the times that they carry."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from hopline_deploy.commands import app
from hopline_deploy.import_files import NATIVE, OTLP, ZIPKIN, ZIPKIN_V1, FileError, Span, spans_of
from hopline_deploy.import_posts import OPEN, SPANS, Post, posts_of
from hopline_deploy.importing import TRIES, Importer
from hopline_deploy.remote import Remote, RemoteError
from support.accounts import wait_handed_over
from support.hopline_process import Server
from support.waiting import wait_until

DAY = 86_400_000_000
OLD = 1_700_000_000_000_000
TRACE = "6921c0de0123456789abcdef0123456"


def native(number: int, start: int = OLD) -> dict[str, Any]:
    row = {"trace_id": f"{TRACE}{number % 10}", "id": f"{number + 1:016x}", "kind": "local", "service": "shop"}
    return {**row, "name": "work", "start_us": start, "duration_us": 5}


def zipkin(number: int, start: int = OLD) -> dict[str, Any]:
    span = {"traceId": f"{TRACE}a", "id": f"{number + 1:016x}", "name": "get", "timestamp": start, "duration": 5}
    return {**span, "localEndpoint": {"serviceName": "web"}}


def otlp(*numbers: int, service: str = "api") -> dict[str, Any]:
    spans = [
        {"traceId": f"{TRACE}b", "spanId": f"{n + 1:016x}", "name": "op", "startTimeUnixNano": str((OLD + n) * 1_000)}
        for n in numbers
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "s"}, "spans": spans}]}]}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "spans.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path) -> list[Span]:
    return list(spans_of(path, lambda _: None))


V1 = {**zipkin(1), "binaryAnnotations": []}
FILES: dict[str, tuple[str, list[tuple[str, int]]]] = {
    "rows": (json.dumps([native(1), native(2)]), [(NATIVE, OLD)] * 2),
    "rows, indented": (json.dumps([native(1)], indent=1), [(NATIVE, OLD)]),
    "rows by line": ("\n".join(json.dumps(native(n)) for n in range(3)) + "\n\n", [(NATIVE, OLD)] * 3),
    "an envelope": (json.dumps({"rows": [native(1)], "process": {"zone": "z"}}), [(NATIVE, OLD)]),
    "zipkin": (json.dumps([zipkin(1), V1]), [(ZIPKIN, OLD), (ZIPKIN_V1, OLD)]),
    "zipkin, lists of traces": (json.dumps([[zipkin(1)], [zipkin(2)]]), [(ZIPKIN, OLD)] * 2),
    "otlp": (json.dumps(otlp(0, 1)), [(OTLP, OLD), (OTLP, OLD + 1)]),
    "otlp by line": (f"{json.dumps(otlp(0))}\n{json.dumps(otlp(1))}\n", [(OTLP, OLD), (OTLP, OLD + 1)]),
    "no spans": ("[]", []),
    "no times": (json.dumps([{"traceId": "1", "id": "1"}, {**zipkin(1), "timestamp": "x"}]), [(ZIPKIN, 0)] * 2),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_every_shape_of_file_is_read(tmp_path: Path, name: str, packed: bool) -> None:
    """O2: our export, Zipkin and OTLP, as one value or by line, gzipped or not."""
    text, expected = FILES[name]
    path = written(tmp_path, gzip.compress(text.encode()) if packed else text)
    assert [(span.form, span.start_us) for span in read(path)] == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("hello", "malformed"),
        ('[{"a": 1}]', "neither rows of Hopline"),
        ("[5]", "Expected `object`"),
        (f"{json.dumps(native(1))}\n{{broken\n", "line 2"),
        (gzip.compress(b"[]")[:-6], "Compressed file ended"),
    ],
)
def test_what_is_no_file_of_spans_is_told(tmp_path: Path, text: str | bytes, says: str) -> None:
    """O2: one line that says where."""
    with pytest.raises(FileError, match=says):
        read(written(tmp_path, text))


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    """O2: progress on long work."""
    path = written(tmp_path, "\n".join(json.dumps(native(n)) for n in range(2_000)))
    steps: list[int] = []
    assert len(list(spans_of(path, steps.append))) == 2_000
    assert sum(steps) == path.stat().st_size
    assert len(steps) > 5


def test_posts_hold_every_span_once_in_neighbouring_days(tmp_path: Path) -> None:
    """C5: a post touches few days, whatever the order of the file."""
    rows = [native(n, OLD + (n * 37 % 400) * DAY) for n in range(3_000)]
    posts = list(posts_of(read(written(tmp_path, json.dumps(rows)))))
    sent = [row for post in posts for row in json.loads(post.body())["rows"]]
    assert sorted(row["id"] for row in sent) == [row["id"] for row in rows]
    for post in posts:
        assert len({span.start_us // DAY for span in post.spans}) <= 31
        assert len(post.spans) <= SPANS
    assert len(posts) < OPEN


def test_posts_of_otlp_keep_resource_and_scope(tmp_path: Path) -> None:
    """C4: what stands around a span goes with it."""
    path = written(tmp_path, "\n".join(json.dumps(otlp(n, service=f"s{n % 2}")) for n in range(4)))
    (post,) = posts_of(read(path))
    found = json.loads(post.body())["resourceSpans"]
    assert [r["resource"] for r in found] == [
        otlp(service=f"s{n % 2}")["resourceSpans"][0]["resource"] for n in range(4)
    ]
    assert [r["scopeSpans"][0]["scope"] for r in found] == [{"name": "s"}] * 4


class FakeRemote(Remote):
    """Answers from a list; refuses posts that hold `bad`."""

    def __init__(self, *failures: RemoteError, bad: bytes = b"never") -> None:
        super().__init__("http://h")
        self.failures = list(failures)
        self.bad = bad
        self.bodies: list[bytes] = []
        self.ids: list[str] = []

    def send(self, path: str, body: bytes, headers: Any) -> bytes:
        if self.failures:
            raise self.failures.pop(0)
        if self.bad in body:
            raise RemoteError(f"{path} has a bad span", 400)
        assert headers["Hopline-Keep-Times"] == "1"
        self.bodies.append(body)
        self.ids.append(headers["Hopline-Batch-Id"])
        return b""


def post_of(tmp_path: Path, *values: Any) -> Post:
    (post,) = posts_of(read(written(tmp_path, json.dumps(values))))
    return post


def test_one_bad_span_of_a_list_costs_itself_alone(tmp_path: Path) -> None:
    """C3: Zipkin's input takes a list whole or not at all."""
    remote = FakeRemote(bad=b"0000002a")
    importer = Importer(remote, sleep=pytest.fail)
    importer.send([post_of(tmp_path, *(zipkin(n) for n in range(100)))])
    assert (importer.done.accepted, importer.done.rejected) == (99, 1)
    assert importer.done.problems == ["api/v2/spans has a bad span"]
    assert sum(len(json.loads(body)) for body in remote.bodies) == 99


def test_a_full_server_is_waited_for_as_long_as_it_asks(tmp_path: Path) -> None:
    """C4: 429 and 503 say when to come again."""
    waits: list[float] = []
    remote = FakeRemote(RemoteError("full", 429, 7.0), RemoteError("away", 503))
    importer = Importer(remote, sleep=waits.append)
    importer.send([post_of(tmp_path, zipkin(1))])
    assert (importer.done.accepted, waits) == (1, [7.0, 1.0])


def test_a_server_that_stays_away_ends_it(tmp_path: Path) -> None:
    """O2: an error, and not for ever."""
    importer = Importer(FakeRemote(*[RemoteError("away", 503)] * TRIES), sleep=lambda _: None)
    with pytest.raises(RemoteError):
        importer.send([post_of(tmp_path, zipkin(1))])


def test_the_same_file_makes_the_same_batch_ids(tmp_path: Path) -> None:
    """C4: a repetition within the hour stores nothing again."""
    remote = FakeRemote()
    for _ in range(2):
        Importer(remote).send([post_of(tmp_path, zipkin(1), zipkin(2))])
    assert remote.ids[0] == remote.ids[1]
    assert len(remote.ids[0]) <= 128


def test_files_of_every_format_are_stored_with_their_times(hopline_up: Callable[..., Server], tmp_path: Path) -> None:
    """O2, C5: old traces are found where they belong; what was exported comes back as it was."""
    server = hopline_up()
    texts = [json.dumps([native(1), {**native(2), "kind": "?"}]), json.dumps([zipkin(1)]), json.dumps(otlp(1))]
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"{number}.json.gz")
        files[-1].write_bytes(gzip.compress(text.encode()))
    result = CliRunner().invoke(app, ["import", *map(str, files), "--server", server.url, "--json"])
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert (told["accepted"], told["rejected"], told["oldest_us"]) == (3, 1, OLD)
    assert "malformed_row" in told["problems"][0]
    for end, start in (("1", OLD), ("a", OLD), ("b", OLD + 1)):
        trace = f"{TRACE}{end}"
        wait_until(lambda t=trace: httpx.get(f"{server.url}/api/v1/traces/{t}", timeout=60).status_code == 200)
        assert server.get(f"traces/{trace}")["start_us"] == start
    wait_handed_over(server.url)
    found = server.get("traces", **{"from": str(OLD - DAY), "to": str(OLD + DAY)})["traces"]
    assert {trace["trace_id"] for trace in found} == {f"{TRACE}{end}" for end in "1ab"}
    for form in ("json", "zipkin", "otlp"):
        ours = ["--server", server.url]
        saved = CliRunner().invoke(app, ["export", f"{TRACE}1", "--format", form, "-o", str(files[0]), *ours])
        again = CliRunner().invoke(app, ["import", str(files[0]), *ours])
        assert (saved.exit_code, again.exit_code) == (0, 0), again.output
        assert "older than 7 days go within the hour" in again.output
        assert "1 spans stored, the oldest of 2023-11-14 22:13:20Z; 0 refused" in again.output


def test_a_file_that_is_not_understood_ends_with_2(tmp_path: Path) -> None:
    """O2: exit codes."""
    result = CliRunner().invoke(app, ["import", str(written(tmp_path, "hello"))])
    assert result.exit_code == 2
    assert "malformed" in result.output


def test_no_server_ends_with_1(tmp_path: Path) -> None:
    """O2: exit codes."""
    path = written(tmp_path, json.dumps([zipkin(1)]))
    result = CliRunner().invoke(app, ["import", str(path), "--server", "http://127.0.0.1:1"])
    assert result.exit_code == 1
    assert "does not answer" in result.output
