"""The settings themselves: every field with its meaning, limits and default."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.settings import _parse
from queue_telemetry.settings._settle import settle
from queue_telemetry.settings._sources import Given
from queue_telemetry.settings._types import (
    AgeOrOff,
    Count,
    CountOrOff,
    FilePath,
    FolderPath,
    FormatChoice,
    Headers,
    Host,
    Interval,
    Level,
    Names,
    Origin,
    Prefix,
    Reasons,
    Socket,
    Tags,
    Text,
    Token,
    Url,
)
from queue_telemetry.settings._wording import right_value
from queue_telemetry.statsd import DIALECTS

__all__ = ["Settings"]

_MIB: Final = 1024 * 1024


class Settings(BaseSettings):
    """Everything that can be set. Read once, from keywords, `QUEUE_TELEMETRY_*` variables, `.env` and defaults.

    Raises:
        ConfigurationError: Something is wrong; the message has one line for each setting, variable or keyword.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    enabled: bool = True
    """Whether anything is measured and sent at all."""
    service: Text | None = None
    """The application's name, on every metric and record. Borrowed: `DD_SERVICE`."""
    env: Text | None = None
    """Where it runs, such as `prod`. Borrowed: `DD_ENV`."""
    version: Text | None = None
    """The application's version. Borrowed: `DD_VERSION`."""
    tags: Tags = Field(default_factory=dict)
    """More constant tags, `team:core,tier:free`. Borrowed: `DD_TAGS`."""
    worker_id: Text | None = None
    """The worker's name on records outside of any worker scope; without it, host and process id."""

    statsd_host: Host = "127.0.0.1"
    """Where the StatsD receiver is; on this host, as agents usually are. Borrowed: `DD_DOGSTATSD_URL`,
    `DD_AGENT_HOST`, `STATSD_HOST`."""
    statsd_port: int = Field(8125, ge=1, le=65535)
    """Its UDP port. Borrowed: `DD_DOGSTATSD_URL`, `DD_DOGSTATSD_PORT`, `STATSD_PORT`."""
    statsd_socket: Socket | None = None
    """A Unix socket on this host instead of host and port, such as `/var/run/datadog/dsd.socket`; `unixgram://` or
    `unixstream://` before it says its type, else both are tried. A host that was set more strongly wins. Borrowed:
    `DD_DOGSTATSD_URL` that begins with `unix`."""
    statsd_dialect: Literal["statsd", "graphite", "datadog"] = "statsd"
    """How lines are written: `statsd` has tag values in the names, which every receiver reads; `graphite` has
    `;tag=value` in them, for a daemon in front of Graphite 1.1 or later; `datadog` has DogStatsD's tags. `datadog` when
    the receiver came from a `DD_*` variable."""
    statsd_prefix: Prefix | None = None
    """What all metric names begin with, without the last dot. Borrowed: `STATSD_PREFIX`."""
    statsd_entity_id: Origin | None = None
    """The pod's UID or the container's id, for an Agent that tells by it where metrics come from; only in the dialect
    `datadog`. Borrowed: `DD_ENTITY_ID`."""
    statsd_external_env: Origin | None = None
    """The same in the words of Datadog's admission controller, passed on as it is. Borrowed: `DD_EXTERNAL_ENV`."""
    statsd_flush_interval_s: Interval = 2
    """Seconds between two sendings, from 0.1 to 10; a whole number of them makes the 10 s over which receivers add up."""
    statsd_max_payload_bytes: int | None = Field(None, ge=64, le=65507)
    """Largest datagram. Without it, what the path takes: by its MTU, and at most 1432, which every receiver takes whole;
    on this host 3600, for the dialect `datadog` 8192, which is the Agent's buffer. Borrowed: `STATSD_MAXUDPSIZE`."""
    statsd_timer_type: Literal["ms", "h", "d"] = Field(default=None, validate_default=True)
    """What timers are sent as: `ms`, or for Datadog `h` (histogram) or `d` (distribution, which its server merges
    over hosts)."""
    statsd_max_samples: Count = Field(default=None, validate_default=True)
    """Most durations kept for one series between two sendings; above it a sample stands for all. More for the dialect that
    has many in a line. In front of collectd set it above what comes between two sendings: it multiplies each duration of a
    sample by what it stands for."""

    log_url: Url | None = None
    """The HTTP collector that takes JSON records; without it no record is shipped. May carry a password."""
    log_format: FormatChoice = "ndjson"
    """How the collector wants its records: `ndjson`, `json` (an array), `datadog`, `loki`, `elasticsearch`, `splunk` or
    `otlp`; in code also an object of your own."""
    log_token: Token | None = None
    """Sent as the collector wants it: as `DD-API-KEY`, `Authorization: ApiKey` or `Splunk`, to most as `Bearer`."""
    log_headers: Headers = Field(default_factory=dict)
    """More request headers, `Name=value,Name2=value2`."""
    log_level: Level = "INFO"
    """Lowest loguru level that is shipped, in any case."""
    log_batch_bytes: int = Field(_MIB, ge=1024, le=16 * _MIB)
    """Most bytes of records in one request, uncompressed; collectors refuse much larger ones."""
    log_linger_s: float = Field(1, ge=0.01, le=60)
    """Seconds that a record waits for others to fill its batch."""
    log_max_memory_bytes: int = Field(32 * _MIB, ge=2048, le=1024 * 1024 * _MIB)
    """Most bytes of records that wait in memory; at least two batches, one being sent and one being filled."""
    log_spool_dir: FolderPath | None = None
    """A private folder on a local disk for records that wait, and for those that the collector will never take."""
    log_durability: Literal["memory", "spill", "wal"] = "memory"
    """Where records wait: `memory`; `spill` writes to the folder what cannot be sent soon; `wal` writes each record
    before the logger call returns, so that it survives a crash of the process. The last two need `LOG_SPOOL_DIR`."""
    log_spool_max_bytes: int = Field(256 * _MIB, ge=16 * _MIB, le=1024 * 1024 * _MIB)
    """Most bytes that one process keeps in the folder; the oldest make room."""
    log_spool_max_age_s: float = Field(43_200, ge=60, le=31_536_000)
    """Seconds after which a record in the folder is given up; collectors refuse old ones, Datadog after 18 hours."""
    log_tls_ca: FilePath | None = None
    """Certificates in PEM to trust in place of the public ones."""
    log_tls_cert: FilePath | None = None
    """The client's own certificate in PEM, with its chain."""
    log_tls_key: FilePath | None = None
    """The key of the client's certificate, without a password; by default in the same file."""
    log_proxy: Url | None = None
    """The HTTP proxy on the way to the collector, `http://proxy.example.com:3128`. May carry a password. The variables
    of other tools, such as `HTTPS_PROXY`, are not read."""
    log_capture_stdlib: bool = False
    """Whether records of the stdlib's `logging` from `LOG_LEVEL` up are passed on to loguru, and so shipped; works
    without `LOG_URL` too."""
    log_redact_keys: Names = ()
    """Keys whose values are masked in records, `card_number,iban`, besides the built-in ones such as `password`."""

    task_logs: Literal["all", "outcomes", "failures", "none"] = Field(default=None, validate_default=True)
    """Which lifecycle records are written for each task."""
    max_series: Count = 1000
    """Most tag combinations of one metric; later ones are counted together, so that a mistake stays bounded."""
    flush_each_task: bool = False
    """Whether metrics are sent at the end of each task, on the task's own thread: for workers that fork for a job and
    end in `os._exit`, which would lose them. Takes some tenths of a millisecond; in a process's first task up to a
    second where a host name has no address yet."""
    task_logs_per_error: CountOrOff = 5
    """Records `task_failed` of one error that are written in a minute; of more, one in a hundred, which says how many were
    suppressed. Metrics and error groups count all. 0 writes every one."""
    slow_task_s: AgeOrOff = 0
    """Seconds after which a run that still goes on is told of once, in a record `slow_task`; 0 is off. With it a
    bare handler's call costs 1.4 µs and not 0.6."""
    stuck_task_s: AgeOrOff = 0
    """Seconds after which a run that still goes on degrades, and is told of once in a record `stuck_task`; 0 is off. Costs
    the same."""
    state_dir: FolderPath | None = None
    """Where the processes of this host tell one another how they do, and agree on small numbers that tell their gauges
    apart; by default a private folder of the user's."""

    health_host: Host = "127.0.0.1"
    """The address of this host where probes are served; `0.0.0.0` or `::` for every one, such as in a container."""
    health_port: int | None = Field(None, ge=0, le=65535)
    """The port where one process of this host serves `/livez`, `/readyz`, `/healthz` and `/metrics` for all, from
    `configure()` or the first event on; 0 for one that is free."""
    health_agent_port: int | None = Field(None, ge=0, le=65535)
    """The same for HAProxy's agent-check."""
    health_token: Token | None = None
    """Opens `/healthz?verbose`, which shows samples of error messages and addresses, to who sends it as `Authorization:
    Bearer`; without it nobody may."""
    health_heartbeat_max_age_s: AgeOrOff = 60
    """Seconds without a sign of life from an open worker scope that make a process unhealthy; 0 is off."""
    health_min_workers: CountOrOff = 0
    """Fewer open worker scopes make a process unhealthy; 0 is off."""
    health_failure_ratio: float = Field(0.25, ge=0, le=1)
    """Share of failed tasks in the last hour that degrades; 0 is off."""
    health_failure_min_tasks: Count = 20
    """Ended tasks in the last hour below which neither that share nor that of retries says anything."""
    health_queue_size_max: CountOrOff = 0
    """Waiting tasks that degrade; 0 is off."""
    health_oldest_task_age_max_s: AgeOrOff = 0
    """Seconds that the oldest task may wait before it degrades; 0 is off."""
    health_wait_p95_max_s: AgeOrOff = 0
    """Seconds that 95 of 100 tasks of the last hour should have waited at most; more degrades; 0 is off."""
    health_retry_ratio: float = Field(0.5, ge=0, le=1)
    """Share of retries among the runs of the last hour that degrades: from a half on, most of them come to nothing; 0 is
    off."""
    health_utilisation_max: float = Field(0.9, ge=0, le=1)
    """Share of the workers' slots in use, over five minutes, above which it degrades; 0 is off."""
    health_fail_on: Reasons = ()
    """Reasons that make a process unhealthy instead of degraded, `queue_size,failure_ratio`; a cause that all instances
    share then takes all of them out at once."""
    health_interval_s: float = Field(5, ge=1, le=60)
    """Seconds between two evaluations; what swings about a threshold counts after two that say so, and no more after
    three that do not."""
    health_drain_on_sigterm: bool = False
    """Whether SIGTERM begins to drain before it does what it did; installed by `configure()` or a first event in the
    main thread."""
    health_alerts: bool = True
    """Whether alerts are written as log records, counted, sent to Datadog, and handed to `on_alert`; by one process of
    this host."""
    health_alert_cooldown_s: float = Field(300, ge=0, le=86_400)
    """Seconds from an alert to the next one for the same reason."""
    health_alert_grace_s: float = Field(60, ge=0, le=3_600)
    """Seconds after the service's start without alerts."""
    probe_interval_s: float = Field(15, ge=1, le=60)
    """Seconds between two calls of a broker probe. A value is shown as stale after three without an answer, and as
    unknown after ten."""

    def __init__(self, /, **overrides: object) -> None:
        problems = self._fill(overrides, strict=True)
        if problems:
            raise ConfigurationError("\n".join(problems))

    @property
    def statsd_receiver_was_set(self) -> bool:
        """Whether the receiver is anywhere but the default: only then does a refusing agent matter to health."""
        return self.statsd_socket is not None or "statsd_host" in self.model_fields_set

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from `gather` alone: the stock sources forget the names and pass over misspelled ones."""
        return (init_settings,)

    @field_validator("statsd_timer_type", "statsd_max_samples", mode="before")
    @classmethod
    def _resolve_by_dialect(cls, value: object, info: ValidationInfo) -> object:
        if value is not None:
            return value
        dialect = DIALECTS[info.data.get("statsd_dialect", "statsd")]  # absent when that was wrong itself
        return dialect.timer_types[0] if info.field_name == "statsd_timer_type" else dialect.max_samples

    @field_validator("statsd_timer_type")
    @classmethod
    def _check_timer_type(cls, value: str, info: ValidationInfo) -> str:
        dialect = DIALECTS.get(info.data.get("statsd_dialect", ""))
        if dialect is not None and value not in dialect.timer_types:
            raise ValueError(f"ms, the only timer of the dialect {dialect.name}")
        return value

    @field_validator("log_headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            _parse.check_header(name, value.get_secret_value())
        return headers

    @field_validator("log_max_memory_bytes")
    @classmethod
    def _check_memory(cls, value: int, info: ValidationInfo) -> int:
        least = 2 * info.data.get("log_batch_bytes", 0)
        if value < least:
            raise ValueError(f"at least {least}, twice log_batch_bytes")
        return value

    @field_validator("log_durability")
    @classmethod
    def _check_durability(cls, value: str, info: ValidationInfo) -> str:
        if (
            value != "memory" and info.data.get("log_spool_dir", cls) is None
        ):  # absent when that was wrong itself
            raise ValueError("memory, or log_spool_dir set as well")
        return value

    @field_validator("log_tls_key")
    @classmethod
    def _check_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("log_tls_cert", cls) is None:
            raise ValueError
        return value

    @field_validator("task_logs", mode="before")
    @classmethod
    def _resolve_task_logs(cls, value: object, info: ValidationInfo) -> object:
        if value is None:
            return "all" if info.data.get("log_url") is not None else "none"
        return value

    def _fill(self, overrides: Mapping[str, object], *, strict: bool) -> list[str]:
        """Take every usable value from keywords and the environment; return what is wrong with the others."""
        return settle(overrides, type(self).model_fields.keys(), self._validate_values, strict=strict)

    def _validate_values(self, chosen: Mapping[str, Given]) -> dict[str, str]:
        """Set all fields, from *chosen* or defaults; return, by field, what would have been right."""
        values: dict[str, Any] = {field: given.value for field, given in chosen.items()}
        try:
            super().__init__(**values)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
        else:
            return {}
        right: dict[str, str] = {}
        for fault in faults:
            field = str(fault["loc"][0])
            info = type(self).model_fields[field]
            own_words = str(fault.get("ctx", {}).get("error", ""))
            right[field] = right_value(field, info.annotation, info.metadata, own_words)
        return right
