"""Settings of the server side: one table of name, default and help.

Each field of :class:`Settings` is a setting. Its environment variable is
``HOPLINE_`` and the name in capitals; in a file (TOML) it stands under its name.
A flag wins over the environment, that over the file, and that over the default.
The client's settings are the table :class:`hopline.config.Config`.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from hopline_deploy.access import is_loopback
from hopline_deploy.remote import is_address

PREFIX: Final = "HOPLINE_"

_THINNING_DAYS_LEAST: Final = 8
"""As `hopline_collector.chores.thinning.DAYS_LEAST`, whose import would slow down every verb."""

_CANARY_MOST_S: Final = 3_600
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})

_SLOW_MOST_S: Final = 7 * 86_400
"""No trace lasts longer: rows may arrive 7 days late."""

_FORMATS: Final = frozenset({"native", "otlp", "zipkin"})
"""As `hopline_collector.block.core.DECODERS`."""

Role = Literal["up", "collector", "query"]
"""What a server process is: everything, or one half."""


class SettingsError(ValueError):
    """A setting is unknown or its value is out of range; the message names it and its origin."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a server process, frozen."""

    listen_host: str = _setting("127.0.0.1", "Address to listen on (flag --host)")
    port: int = _setting(9411, "Pages, query API, Zipkin and native input")
    otlp_port: int = _setting(4318, "OTLP over HTTP; 0 = only at /v1/traces on the first port")
    otlp_grpc_port: int = _setting(0, "OTLP over gRPC (extra grpc), by custom 4317; 0 = off")
    base_path: str = _setting("", "Path under which a proxy serves the pages, such as /tracing")
    data: str = _setting("hopline-data", "Folder of the embedded engine and the journal")
    clickhouse: str = _setting(
        "", "http://user:password@host:8123 of a server, of a cluster several: url,url; empty = embedded engine"
    )
    database: str = _setting("hopline", "Database of all tables")
    cluster: str = _setting("", "Name of the ClickHouse cluster; empty = one server")
    replicated: bool = _setting(True, "On a cluster: replicated tables (Keeper needed); false = shards of plain tables")
    insert_quorum: int = _setting(
        0, "On a replicated cluster: replicas that must have a block before it counts as stored; 0 = one"
    )
    free_disk_bytes: int = _setting(1_000_000_000, "Inserts are refused below this much free space of the store")
    fsync: bool = _setting(False, "Survive power loss too; costs a quarter to a third of the rate")
    kafka: str = _setting("", "host:port[,host:port] of the brokers to read from; empty = no Kafka")
    group: str = _setting("hopline-collector", "Kafka consumer group")
    collector_id: str = _setting("", "Name of this collector in its group; default host and data folder")
    kafka_options: str = _setting("", "Further Kafka options: 'security_protocol=SASL_SSL,sasl_mechanism=PLAIN'")
    topics: tuple[str, ...] = _setting(
        ("hopline.spans=native", "zipkin=zipkin", "otlp_spans=otlp"), "Kafka topics to read, each with its format"
    )
    partitions: int = _setting(2, "Partitions of the topics that are created here")
    replication_factor: int = _setting(0, "Copies of the topics that are created here; 0 = one a broker, 3 at most")
    tokens: str = _setting("", "File with access tokens (hopline token); needed to listen beyond this machine")
    behind_proxy: bool = _setting(False, "Listen beyond this machine without tokens: a proxy keeps strangers out")
    proxy_user_header: str = _setting(
        "", "Header in which that proxy names who signed in, such as X-Forwarded-User: it stands in the audit log"
    )
    hosts: tuple[str, ...] = _setting((), "On loopback: further host names that it is asked under: a,b; * = any")
    allow_origins: tuple[str, ...] = _setting(
        (), "Origins whose web pages may use the APIs, such as http://grafana:3000; * = any may read"
    )
    tls_cert: str = _setting("", "File with the certificate chain (PEM): serve HTTPS")
    tls_key: str = _setting("", "File with the certificate's key (PEM)")
    span_days: int = _setting(7, "Days that traces are kept")
    figure_days: int = _setting(90, "Days that figures, map and ledger are kept")
    dead_letter_days: int = _setting(14, "Days that dead letters are kept")
    disk_share: float = _setting(
        0.0, "Share of the store's disk, 0 to 1, above which the oldest days of traces go early; 0 = by days alone"
    )
    keep: float | None = _setting(
        None, "Share of traces the collector keeps, 0 to 1; set when it starts; empty = unchanged"
    )
    strict_trace_ids: bool = _setting(
        True, "false = traces are told apart by the last 64 bits of their ids alone, for senders that cut longer ones"
    )
    thinning_days: int = _setting(
        0, "Older days keep chosen whole traces only; 0 = off, else 8 or more and below span_days"
    )
    thinning_slow_s: float = _setting(1.0, "Traces that took so long stay when their day is thinned, in seconds")
    thinning_share: float = _setting(0.01, "Share of the other traces that stays when their day is thinned, 0 to 1")
    thinning_uids: tuple[str, ...] = _setting((), "Users whose traces all stay: a,b (in the file also a list)")
    watchdog_s: float = _setting(120.0, "Something waits and nothing moves for so long: dump stacks and exit")
    alerts: str = _setting("", "File with alert rules (TOML); read again when it changes; empty = no alerts")
    canary: str = _setting(
        "", "A known trace a minute is sent and read back: on = by this process, or the address of a collector"
    )
    canary_s: float = _setting(60.0, "Seconds between two known traces")
    canary_token: str = _setting("", "Token (scope write) for a canary that goes in at another address")
    public_url: str = _setting("", "Address of the pages as people reach it, put before links in alerts")
    log_link: str = _setting("", "Address of the log store with {trace_id}, {span_id}, {start_us}, {end_us}")
    warn_error_rate: float = _setting(0.01, "Pages and charts mark this share of failing calls, 0 to 1 ...")
    bad_error_rate: float = _setting(0.05, "... and this one in red")
    attention_success: float = _setting(0.99, "A service below this success rate needs attention, 0 to 1 ...")
    attention_slowdown: float = _setting(2.0, "... or one whose p99 is so many times that of the period before")
    tag_columns: tuple[str, ...] = _setting(
        ("http.response.status_code",),
        "Tags that a span's card shows first: a,b (in the file also a list)",
    )
    tour: bool = _setting(False, "The home page offers five places to look at, until each reader puts that away")
    log_level: str = _setting("info", "debug, info, warning or error")
    log_format: str = _setting("text", "text, or json: one JSON object a line")
    shutdown_s: float = _setting(8.0, "Longest wait for running requests and blocks at the end, in seconds")

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        for name in ("port", "otlp_port", "otlp_grpc_port"):
            if not 0 <= getattr(self, name) <= 65_535:
                raise SettingsError(f"{name} is {getattr(self, name)}: use 0 to 65535")
        if self.log_level not in {"debug", "info", "warning", "error"}:
            raise SettingsError(f"log_level is {self.log_level!r}: use debug, info, warning or error")
        if self.log_format not in {"text", "json"}:
            raise SettingsError(f"log_format is {self.log_format!r}: use text or json")
        for name in ("partitions", "span_days", "figure_days", "dead_letter_days"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: use 1 or more")
        self._check_thinning()
        self._check_store()
        self._check_canary()
        self._check_topics()
        if self.proxy_user_header and not self.behind_proxy:
            raise SettingsError("proxy_user_header: only a proxy may name people, set behind_proxy")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise SettingsError("tls_cert and tls_key belong together")
        if not (is_loopback(self.listen_host) or self.tokens or self.behind_proxy):
            raise SettingsError(
                f"listen_host is {self.listen_host}: strangers could read everything; set tokens (a file that "
                "hopline token fills) or behind_proxy"
            )
        if self.public_url and not is_address(self.public_url):
            raise SettingsError(f"public_url is {self.public_url!r}: use the address of the pages, https://...")
        if self.base_path and (not self.base_path.startswith("/") or self.base_path.endswith("/")):
            raise SettingsError(f"base_path is {self.base_path!r}: begin with / and do not end with it")

    def _check_store(self) -> None:
        for name in ("insert_quorum", "free_disk_bytes", "replication_factor"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}: use 0 or more")
        if not 0.0 <= self.disk_share <= 1.0:
            raise SettingsError(f"disk_share is {self.disk_share}: use 0 to 1")
        if self.insert_quorum and not (self.cluster and self.replicated):
            raise SettingsError("insert_quorum: only a replicated cluster has more than one copy, leave it at 0")
        for address in filter(None, (part.strip() for part in self.clickhouse.split(","))):
            if not is_address(address):
                told = address.rpartition("@")[2]
                raise SettingsError(f"clickhouse is {told!r}: use http://user:password@host:8123, or https")
        if "," in self.clickhouse and not self.cluster:
            raise SettingsError("clickhouse names several servers: name their cluster by setting cluster")

    def _check_canary(self) -> None:
        if not 1.0 <= self.canary_s <= _CANARY_MOST_S:
            raise SettingsError(f"canary_s is {self.canary_s}: use 1 to {_CANARY_MOST_S}")
        if self.canary_address() and not is_address(self.canary_address()):
            raise SettingsError(f"canary is {self.canary!r}: use on, off or the address of a collector, http://...")

    def names(self) -> tuple[str, ...]:
        """Host names under which people reach it: those of `hosts`, and that of `public_url`."""
        public = urlsplit(self.public_url).hostname
        return (*self.hosts, public) if public else self.hosts

    def runs_canary(self) -> bool:
        """Whether known traces are sent."""
        return self.canary.lower() not in _FALSE

    def canary_address(self) -> str:
        """Where they go in; empty: at this process."""
        return self.canary if self.canary.lower() not in _TRUE | _FALSE else ""

    def _check_thinning(self) -> None:
        for name in ("keep", "thinning_share"):
            share = getattr(self, name)
            if share is not None and not 0.0 <= share <= 1.0:
                raise SettingsError(f"{name} is {share}: use 0 to 1")
        if not 0.0 <= self.thinning_slow_s <= _SLOW_MOST_S:
            raise SettingsError(f"thinning_slow_s is {self.thinning_slow_s}: use 0 to {_SLOW_MOST_S}")
        if not self.thinning_days:
            return
        if self.thinning_days < _THINNING_DAYS_LEAST:
            raise SettingsError(
                f"thinning_days is {self.thinning_days}: use 0 (never) or {_THINNING_DAYS_LEAST} and more"
            )
        if self.cluster and self.replicated:
            raise SettingsError("thinning_days: not on a replicated cluster yet, leave it at 0")
        if self.thinning_days >= self.span_days:
            raise SettingsError(
                f"thinning_days is {self.thinning_days}: use less than span_days ({self.span_days}), "
                "after which no trace is left to thin"
            )

    def _check_topics(self) -> None:
        for word in self.topics:
            topic, _, form = word.partition("=")
            if not topic or form not in _FORMATS:
                raise SettingsError(
                    f"topics: {word!r}: write topic=format, with format one of {', '.join(sorted(_FORMATS))}"
                )
        formats = self.topic_formats()
        if len(formats) < len(self.topics):
            raise SettingsError("topics: one is named twice")
        missing = sorted(_FORMATS - set(formats.values()))
        if missing:
            raise SettingsError(f"topics: none has format {', '.join(missing)}, so posts would have nowhere to go")

    def topic_formats(self) -> dict[str, str]:
        """`topics` as topic -> format."""
        pairs = (word.partition("=") for word in self.topics)
        return {topic: form for topic, _, form in pairs}

    def kafka_client_options(self) -> dict[str, str]:
        """`kafka_options` as keyword arguments of kafka-python."""
        pairs = (part.partition("=") for part in self.kafka_options.split(",") if part.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The effective settings, and where each came from: flag, environment, file or default."""

    settings: Settings
    origins: Mapping[str, str]

    def given(self, name: str) -> bool:
        """Whether the user named this very value, on the command line, in the environment or in a file."""
        return self.origins[name] != "default"


def load(flags: Mapping[str, object], environ: Mapping[str, str] = os.environ, file: Path | None = None) -> Loaded:
    """Effective settings; flags that are ``None`` were not given.

    Raises:
        SettingsError: for an unknown name in the file and for a bad value anywhere.

    """
    table = {f.name: f for f in fields(Settings)}
    values: dict[str, Any] = {}
    origins = dict.fromkeys(table, "default")
    named = {name: environ[PREFIX + name.upper()] for name in table if environ.get(PREFIX + name.upper())}
    layers = (
        ("file", _read(file)),
        ("environment", named),
        ("flag", {name: value for name, value in flags.items() if value is not None}),
    )
    for origin, layer in layers:
        for name, value in layer.items():
            if name not in table:
                raise SettingsError(f"{origin}: there is no setting {name}")
            try:
                values[name] = _parse(table[name].default, value)
            except ValueError as error:
                raise SettingsError(f"{origin}: {name}: {error}") from None
            origins[name] = origin
    return Loaded(Settings(**values), origins)


def table() -> list[tuple[str, Any, str]]:
    """``(name, default, help)`` of every setting, in order."""
    return [(f.name, f.default, f.metadata["help"]) for f in fields(Settings)]


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"file {file}: {error}") from None


def _parse(default: object, value: object) -> Any:
    """`value` as the type of `default`; text is parsed. Default None: a number, or nothing."""
    if default is None:
        return float(str(value)) if str(value).strip() else None
    if isinstance(default, tuple):
        words = value if isinstance(value, list) else str(value).split(",")
        return tuple(word for word in (str(word).strip() for word in words) if word)
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(f"{value!r} is neither true nor false")
        return word in _TRUE
    if isinstance(default, int | float):
        return type(default)(str(value))
    return str(value)
