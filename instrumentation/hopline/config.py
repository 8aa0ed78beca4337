"""Settings of the client: one table of name, default and help.

Each :class:`~hopline.setting.Setting` in :class:`Config` is one. Its environment variable is
``HOPLINE_`` and the name in capitals. An argument of ``hopline.configure`` wins
over the environment, and that over the default. Nothing is read at import.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from hopline.errors import SettingError
from hopline.setting import DAY_S, Setting, read_pairs
from hopline.setting_readers import (
    bare_endpoint,
    read_accepting,
    read_clock,
    read_endpoint,
    read_hosts,
    read_rate,
    read_rates,
    read_token,
    read_topic,
)
from hopline.text import as_text

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
MASKED_KEYS: Final = (
    "authorization", "auth", "cookie", "cookies", "set-cookie", "password", "passwords", "passwd", "pwd", "passphrase",
    "secret", "secrets", "token", "api_key", "private_key", "credential", "credentials", "card",
)  # fmt: skip
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
COMPRESSIONS: Final = ("", "lz4", "zstd", "gzip", "snappy", "none")

SERVER_NAMES: Final = frozenset({
    "alerts", "allow_origins", "attention_slowdown", "attention_success", "bad_error_rate", "base_path",
    "behind_proxy", "canary", "canary_s", "canary_token", "clickhouse", "cluster", "collector_id", "config", "data",
    "database", "dead_letter_days", "disk_share", "figure_days", "free_disk_bytes", "fsync", "group", "hosts",
    "insert_quorum", "kafka", "kafka_home", "keep", "listen_host", "log_format", "log_level", "log_link",
    "otlp_grpc_port", "otlp_port", "partitions", "port", "proxy_user_header", "public_url", "replicated",
    "replication_factor", "server", "shutdown_s", "span_days", "strict_trace_ids", "tag_columns", "test_full",
    "thinning_days", "thinning_share", "thinning_slow_s", "thinning_uids", "tls_cert", "tls_key", "tokens", "topics",
    "tour", "warn_error_rate", "watchdog_s",
})  # fmt: skip
"""Names of the server's settings: in an environment that both read they are no mistakes."""

_MANY: Final = 1_000_000_000


def _setting(default: Any, text: str, **more: Any) -> Any:
    return Setting(default, text, **more)


class Config:
    """All settings of one process, frozen."""

    service: str = _setting("", "Name of this service; else OTEL_SERVICE_NAME, else the script's name")
    endpoint: str = _setting(
        "http://127.0.0.1:9411",
        "Where rows go: kafka://host:port[,host:port], http://host:port, memory: or none:",
        parse=read_endpoint,
    )
    sample: float = _setting(1.0, "Share of traces kept, decided once at the root: 0 or 0.0001 to 1", parse=read_rate)
    sample_target: float = _setting(
        0.0, "Traces kept per second (0 = no target); the rate adapts each second", high=_MANY
    )
    sample_operations: tuple[str, ...] = _setting(
        (), "Rates of single operations: 'GET /orders/{number}=0,POST /pay=1'", parse=read_rates
    )
    follow_inbound: bool = _setting(True, "Follow the caller's sampled flag; false decides anew")
    accept_inbound: bool | str = _setting(
        True,
        "Continue the caller's trace: true, false (a public edge: starts and links), or trusted: of trusted_hosts only",
        parse=read_accepting,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Proxies in front of this service, addresses or networks: their X-Forwarded-For says who calls",
        parse=read_hosts,
    )
    instance: str = _setting("", "Name of this process; default host:pid")
    host: str = _setting("", "Name of this machine; default its host name")
    zone: str = _setting("", "Data centre")
    env: str = _setting("", "Deployment environment, such as prod")
    version: str = _setting("", "Version of the service")
    enabled: bool = _setting(True, "False: no spans, no headers; hopline.disable() does the same live")
    b3: str = _setting("", "Also write B3 headers: single or multi", words=("", "single", "multi"))
    trusted_hosts: tuple[str, ...] = _setting(
        TRUSTED_HOSTS,
        "Hosts that baggage may leave to: loopback, private, single-label, *, names, .suffixes, networks",
        parse=read_hosts,
    )
    trace_hosts: tuple[str, ...] = _setting(
        ("*",), "Hosts that the trace's ids go to, by the same words; baggage needs both", parse=read_hosts
    )
    baggage_tags: tuple[str, ...] = _setting(
        (), "Keys of baggage that each row gets as tags, besides uid and load_test, which have fields"
    )
    baggage_bytes: int = _setting(1024, "Most bytes of baggage sent, up to 8192; the newest key is dropped", high=8192)
    ignore_paths: tuple[str, ...] = _setting(
        IGNORED_PATHS, "Request paths without a row; what happens below them has none either"
    )
    only_below_parent: bool = _setting(False, "True: calls outside any span make no row")
    websocket_messages: bool = _setting(False, "A row for the handling of each message that comes over a websocket")
    response_headers: bool = _setting(True, "Answer with hopline-trace-id and hopline-service")
    stack_traces: bool = _setting(True, "Keep where the exception of a failing row came from: files, lines, functions")
    mask: tuple[str, ...] = _setting(MASKED_KEYS, "Tags whose key holds one of these as a whole word are masked")
    gen_ai_content: bool = _setting(False, "Keep prompts and answers of language models that OpenTelemetry tells of")
    scan_only: tuple[str, ...] = _setting(SCAN_ONLY_KEYS, "Keys of high entropy: kept out of the tag index")
    row_bytes: int = _setting(16_384, "Most bytes of text in one row; more is cut and marked", low=1, high=_MANY)
    buffer_rows: int = _setting(
        20_000, "Rows kept while they cannot be sent; then the oldest is dropped", low=1, high=_MANY
    )
    batch_rows: int = _setting(100, "Rows encoded and sent together", low=1, high=_MANY)
    batch_ms: int = _setting(50, "Longest wait of a finished row before it is sent, in milliseconds", low=1, high=DAY_S)
    open_rows_s: float = _setting(
        30.0, "A row open for this long is sent as an unfinished copy, in seconds", high=_MANY
    )
    report_s: float = _setting(10.0, "How often the counters of this process are sent, in seconds", high=_MANY)
    exit_timeout_s: float = _setting(
        2.0, "Longest wait for the last rows at exit while they are being taken, in seconds", high=DAY_S
    )
    exit_away_s: float = _setting(
        0.2, "Longest wait at exit for a far side that does not answer, in seconds", high=DAY_S
    )
    topic: str = _setting("hopline.spans", "Kafka topic", parse=read_topic)
    kafka_buffer_bytes: int = _setting(
        33_554_432, "Bytes in flight to Kafka; more waits in the row buffer", low=1, high=1e12
    )
    kafka_acks: str = _setting("all", "all (idempotent), 1 or 0", words=("all", "1", "0"))
    compression: str = _setting(
        "", "Kafka: lz4, zstd, gzip, none (default lz4 when installed). HTTP: gzip, none", words=COMPRESSIONS
    )
    kafka_options: tuple[str, ...] = _setting(
        (), "Further producer options: 'security_protocol=SASL_SSL,sasl_mechanism=PLAIN'", parse=read_pairs, secret=True
    )
    token: str = _setting("", "Bearer token of the HTTP endpoint", parse=read_token, secret=True)
    clock: Callable[[], int] | None = _setting(
        None, "Nanoseconds since the epoch; for tests and skewed demos", parse=read_clock
    )

    def __init__(self, **given: Any) -> None:
        """Settings of these values, and the defaults of all others.

        Raises:
            SettingError: names the setting and what it may be.
            TypeError: there is no such setting.

        """
        own = vars(self)
        own.update((name, setting.default) for name, setting in SETTINGS.items())
        for name, value in given.items():
            if name not in SETTINGS:
                raise TypeError(f"there is no setting {name}")
            try:
                own[name] = SETTINGS[name].read(value)
            except SettingError as error:
                raise SettingError(f"setting {name}: {error}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings are frozen; hopline.configure({name}=...) makes new ones")

    def __repr__(self) -> str:
        """The values, but for secrets."""
        shown = {
            name: "***" if setting.secret and getattr(self, name) else getattr(self, name)
            for name, setting in SETTINGS.items()
        }
        shown["endpoint"] = bare_endpoint(self.endpoint)
        return f"Config({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


SETTINGS: Final[dict[str, Setting]] = {
    name: value for name, value in vars(Config).items() if isinstance(value, Setting)
}
"""The table, in order."""


def load(overrides: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> tuple[Config, list[str]]:
    """Effective settings and the problems met: a bad value is named and its default used. Never raises."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    given = {name: environ[PREFIX + name.upper()] for name in SETTINGS if environ.get(PREFIX + name.upper())}
    layers = (_from_otel(environ), given, {name: value for name, value in overrides.items() if value is not None})
    for name, value in (pair for layer in layers for pair in layer.items()):
        if name not in SETTINGS:
            problems.append(f"there is no setting {as_text(name)}{_meant(as_text(name))}")
            continue
        try:
            values[name] = SETTINGS[name].read(value)
        except Exception as error:  # whatever a value of the application's does when it is looked at
            reason = error if isinstance(error, SettingError) else type(error).__name__
            problems.append(f"setting {name}: {reason}")
    problems += _unknown(environ)
    values["service"] = values.get("service") or _script_name()
    values["host"] = values.get("host") or _host_name()
    return Config(**values), problems


def _unknown(environ: Mapping[str, str]) -> list[str]:
    """A problem for each name of the environment that begins as ours do and is none."""
    names = (name[len(PREFIX) :].lower() for name in environ if name.startswith(PREFIX))
    return [
        f"there is no setting {PREFIX}{name.upper()}{_meant(name, PREFIX)}"
        for name in names
        if name not in SETTINGS and name not in SERVER_NAMES
    ]


def _meant(name: str, prefix: str = "") -> str:
    import difflib

    near = difflib.get_close_matches(name.lower(), SETTINGS, n=1)
    return f"; is {prefix}{near[0].upper() if prefix else near[0]} meant?" if near else ""


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
    from pathlib import PurePath

    path = PurePath(sys.argv[0] if sys.argv else "")
    name = path.parent.name if path.stem == "__main__" else path.stem
    return _clean(name) if name not in {"", "-c", "-"} else "python"


def _host_name() -> str:
    import socket

    return _clean(socket.gethostname())


def _clean(name: str) -> str:
    """A name that the system gave, as a setting may have it."""
    return "".join(char for char in name.encode("utf-8", "replace").decode() if char.isprintable())[:256]
