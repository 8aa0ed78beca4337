"""Settings of the client: one table of name, default and help.

Each field of :class:`Config` is a setting. Its environment variable is
``HOPLINE_`` and the name in capitals. An argument of ``hopline.configure`` wins
over the environment, and that over the default. Nothing is read at import.
"""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import PurePath
from typing import Any, Final

from hopline.errors import SettingError

PREFIX: Final = "HOPLINE_"

TRUSTED_HOSTS: Final = ("loopback", "private", "single-label", ".local", ".internal", ".svc")
IGNORED_PATHS: Final = (
    "/health",
    "/healthz",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/grpc.health.v1.Health/Check",
)
MASKED_KEYS: Final = ("authorization", "cookie", "set-cookie", "password", "secret", "token", "api_key", "card")
SCAN_ONLY_KEYS: Final = (
    "url",
    "url.full",
    "url.path",
    "url.query",
    "http.url",
    "http.target",
    "http.request.body.size",
    "http.response.body.size",
    "db.query.text",
    "db.statement",
    "messaging.message.id",
    "messaging.kafka.offset",
    "messaging.message.body.size",
    "exception.stacktrace",
)


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one process, frozen."""

    # ruff: noqa: RUF009 - the defaults are the table: value and help beside each name

    service: str = _setting("", "Name of this service; else OTEL_SERVICE_NAME, else the script's name")
    endpoint: str = _setting(
        "http://127.0.0.1:9411", "Where rows go: kafka://host:port[,host:port], http://host:port, memory: or none:"
    )
    sample: float = _setting(1.0, "Share of traces kept, decided once at the root: 0 or 0.0001 to 1")
    sample_target: float = _setting(0.0, "Traces kept per second (0 = no target); the rate adapts each second")
    sample_operations: tuple[str, ...] = _setting((), "Rates of single operations: 'GET /health=0,POST /pay=1'")
    follow_inbound: bool = _setting(True, "Follow the caller's sampled flag; false decides anew")
    accept_inbound: bool = _setting(True, "Continue the caller's trace; false (a public edge) starts and links")
    instance: str = _setting("", "Name of this process; default host:pid")
    host: str = _setting("", "Name of this machine; default its host name")
    zone: str = _setting("", "Data centre")
    env: str = _setting("", "Deployment environment, such as prod")
    version: str = _setting("", "Version of the service")
    enabled: bool = _setting(True, "False: no spans, no headers; hopline.disable() does the same live")
    b3: str = _setting("", "Also write B3 headers: single or multi")
    trusted_hosts: tuple[str, ...] = _setting(
        TRUSTED_HOSTS, "Hosts that baggage may leave to: loopback, private, single-label, *, names, .suffixes"
    )
    trace_hosts: tuple[str, ...] = _setting(
        ("*",), "Hosts that the trace's ids go to, by the same words; baggage needs both"
    )
    baggage_tags: tuple[str, ...] = _setting(
        (), "Keys of baggage that each row gets as tags, besides uid and load_test, which have fields"
    )
    baggage_bytes: int = _setting(1024, "Most bytes of baggage sent, up to 8192; the newest key is dropped")
    ignore_paths: tuple[str, ...] = _setting(IGNORED_PATHS, "Request paths without a row")
    mask: tuple[str, ...] = _setting(MASKED_KEYS, "Tags whose key holds one of these words are masked")
    scan_only: tuple[str, ...] = _setting(SCAN_ONLY_KEYS, "Keys of high entropy: kept out of the tag index")
    row_bytes: int = _setting(16_384, "Most bytes of text in one row; more is cut and marked")
    buffer_rows: int = _setting(20_000, "Rows kept while they cannot be sent; then the oldest is dropped")
    batch_rows: int = _setting(100, "Rows encoded and sent together")
    batch_ms: int = _setting(50, "Longest wait of a finished row before it is sent, in milliseconds")
    open_rows_s: float = _setting(30.0, "A row open for this long is sent as an unfinished copy, in seconds")
    report_s: float = _setting(10.0, "How often the counters of this process are sent, in seconds")
    exit_timeout_s: float = _setting(2.0, "Longest wait for the last rows at exit, in seconds")
    topic: str = _setting("hopline.spans", "Kafka topic")
    kafka_buffer_bytes: int = _setting(33_554_432, "Bytes in flight to Kafka; more waits in the row buffer")
    kafka_acks: str = _setting("all", "all (idempotent), 1 or 0")
    compression: str = _setting("", "Kafka: lz4, zstd, gzip, none (default lz4 when installed). HTTP: gzip, none")
    kafka_options: tuple[str, ...] = _setting(
        (), "Further producer options: 'security_protocol=SASL_SSL,sasl_mechanism=PLAIN'"
    )
    token: str = field(default="", repr=False, metadata={"help": "Bearer token of the HTTP endpoint"})
    clock: Callable[[], int] | None = _setting(None, "Nanoseconds since the epoch; for tests and skewed demos")

    def __post_init__(self) -> None:
        """Refuse values outside their range.

        Raises:
            SettingError: names the setting and what it may be.

        """
        if not (self.sample == 0 or 0.0001 <= self.sample <= 1):
            raise SettingError(f"sample is {self.sample}: use 0, or 0.0001 to 1")
        if self.b3 not in {"", "single", "multi"}:
            raise SettingError(f"b3 is {self.b3!r}: use single or multi")
        if not 0 <= self.baggage_bytes <= 8192:
            raise SettingError(f"baggage_bytes is {self.baggage_bytes}: use 0 to 8192")
        for name in ("buffer_rows", "batch_rows", "batch_ms", "row_bytes", "kafka_buffer_bytes"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}: use 1 or more")


def load(overrides: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> tuple[Config, list[str]]:
    """Effective settings and the problems met: a bad value is named and its default used."""
    values: dict[str, Any] = _from_otel(environ)
    problems: list[str] = []
    table = {f.name: f for f in fields(Config)}
    given = {name: environ[PREFIX + name.upper()] for name in table if environ.get(PREFIX + name.upper())}
    for name, value in {**given, **overrides}.items():
        if name not in table:
            problems.append(f"there is no setting {name}")
            continue
        try:
            parsed = _parse(table[name], value)
            Config(**{name: parsed})
        except (SettingError, TypeError, ValueError) as error:
            problems.append(f"setting {name}: {error}")
        else:
            values[name] = parsed
    values["service"] = values.get("service") or _script_name()
    values["host"] = values.get("host") or socket.gethostname()
    return Config(**values), problems


def _parse(setting: "Field[Any]", value: Any) -> Any:
    """``value`` as the type of the setting's default; text is parsed."""
    default: Any = setting.default
    if default is None:
        if not callable(value):
            raise SettingError(f"{value!r} is no function")
        return value
    if isinstance(default, bool):
        return value if isinstance(value, bool) else _parse_bool(str(value))
    if isinstance(default, tuple):
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part for part in (str(part).strip() for part in parts) if part)
    return type(default)(value)


def _parse_bool(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[text.strip().lower()]
    except KeyError:
        raise SettingError(f"{text!r} is neither true nor false") from None


def _from_otel(environ: Mapping[str, str]) -> dict[str, Any]:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES under our names."""
    pairs = (item.split("=", 1) for item in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",") if "=" in item)
    resource = {key.strip(): value.strip() for key, value in pairs}
    values = {
        "service": environ.get("OTEL_SERVICE_NAME") or resource.get("service.name"),
        "version": resource.get("service.version"),
        "instance": resource.get("service.instance.id"),
        "zone": resource.get("cloud.availability_zone"),
        "env": resource.get("deployment.environment.name") or resource.get("deployment.environment"),
    }
    return {name: value for name, value in values.items() if value}


def _script_name() -> str:
    """Name of the running script, or of the package under ``python -m``; ``python`` in a shell."""
    path = PurePath(sys.argv[0] if sys.argv else "")
    name = path.parent.name if path.stem == "__main__" else path.stem
    return name if name not in {"", "-c", "-"} else "python"
