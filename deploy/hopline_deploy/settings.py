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

from hopline_deploy.access import is_loopback

PREFIX: Final = "HOPLINE_"

_THINNING_DAYS_LEAST: Final = 8
"""As `hopline_collector.store.thinning.DAYS_LEAST`, whose import would slow down every verb."""

_SLOW_MOST_S: Final = 7 * 86_400
"""No trace lasts longer: rows may arrive 7 days late."""

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
    clickhouse: str = _setting("", "http://user:password@host:8123 of a server; empty = embedded engine")
    database: str = _setting("hopline", "Database of all tables")
    cluster: str = _setting("", "Name of the ClickHouse cluster; empty = one server")
    fsync: bool = _setting(False, "Survive power loss too; costs a quarter to a third of the rate")
    kafka: str = _setting("", "host:port[,host:port] of the brokers to read from; empty = no Kafka")
    group: str = _setting("hopline-collector", "Kafka consumer group")
    collector_id: str = _setting("", "Name of this collector in its group; default host and data folder")
    kafka_options: str = _setting("", "Further Kafka options: 'security_protocol=SASL_SSL,sasl_mechanism=PLAIN'")
    partitions: int = _setting(2, "Partitions of the topics that are created here")
    tokens: str = _setting("", "File with access tokens (hopline token); needed to listen beyond this machine")
    behind_proxy: bool = _setting(False, "Listen beyond this machine without tokens: a proxy keeps strangers out")
    tls_cert: str = _setting("", "File with the certificate chain (PEM): serve HTTPS")
    tls_key: str = _setting("", "File with the certificate's key (PEM)")
    span_days: int = _setting(7, "Days that traces are kept")
    figure_days: int = _setting(90, "Days that figures, map and ledger are kept")
    dead_letter_days: int = _setting(14, "Days that dead letters are kept")
    keep: float | None = _setting(
        None, "Share of traces the collector keeps, 0 to 1; set when it starts; empty = unchanged"
    )
    thinning_days: int = _setting(
        0, "Older days keep chosen whole traces only; 0 = off, else 8 or more and below span_days"
    )
    thinning_slow_s: float = _setting(1.0, "Traces that took so long stay when their day is thinned, in seconds")
    thinning_share: float = _setting(0.01, "Share of the other traces that stays when their day is thinned, 0 to 1")
    thinning_uids: tuple[str, ...] = _setting((), "Users whose traces all stay: a,b (in the file also a list)")
    watchdog_s: float = _setting(120.0, "Something waits and nothing moves for so long: dump stacks and exit")
    log_link: str = _setting("", "Address of the log store with {trace_id}, {span_id}, {start_us}, {end_us}")
    log_level: str = _setting("info", "debug, info, warning or error")
    shutdown_s: float = _setting(8.0, "Longest wait for running requests and blocks at the end, in seconds")

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        for name in ("port", "otlp_port", "otlp_grpc_port"):
            if not 0 <= getattr(self, name) <= 65_535:
                raise SettingsError(f"{name} is {getattr(self, name)}: use 0 to 65535")
        if self.log_level not in {"debug", "info", "warning", "error"}:
            raise SettingsError(f"log_level is {self.log_level!r}: use debug, info, warning or error")
        for name in ("partitions", "span_days", "figure_days", "dead_letter_days"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: use 1 or more")
        self._check_thinning()
        if bool(self.tls_cert) != bool(self.tls_key):
            raise SettingsError("tls_cert and tls_key belong together")
        if not (is_loopback(self.listen_host) or self.tokens or self.behind_proxy):
            raise SettingsError(
                f"listen_host is {self.listen_host}: strangers could read everything; set tokens (a file that "
                "hopline token fills) or behind_proxy"
            )
        if self.base_path and (not self.base_path.startswith("/") or self.base_path.endswith("/")):
            raise SettingsError(f"base_path is {self.base_path!r}: begin with / and do not end with it")

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
        if self.cluster:
            raise SettingsError("thinning_days: not on a cluster yet, leave it at 0")
        if self.thinning_days >= self.span_days:
            raise SettingsError(
                f"thinning_days is {self.thinning_days}: use less than span_days ({self.span_days}), "
                "after which no trace is left to thin"
            )

    def kafka_client_options(self) -> dict[str, str]:
        """`kafka_options` as keyword arguments of kafka-python."""
        pairs = (part.partition("=") for part in self.kafka_options.split(",") if part.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The effective settings, and where each came from: flag, environment, file or default."""

    settings: Settings
    origins: Mapping[str, str]

    def given_by_flag(self, name: str) -> bool:
        """Whether the user named this very value on the command line."""
        return self.origins[name] == "flag"


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
        if word not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
            raise ValueError(f"{value!r} is neither true nor false")
        return word in {"1", "true", "yes", "on"}
    if isinstance(default, int | float):
        return type(default)(str(value))
    return str(value)
