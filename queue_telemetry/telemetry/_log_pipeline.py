"""Build the log pipeline from settings."""

from collections.abc import Mapping

from queue_telemetry._runtime import Clock
from queue_telemetry.logs import Endpoint, Limits, LogPipeline, LossReport, Storage, TlsFiles
from queue_telemetry.logs.formats import format_for
from queue_telemetry.settings import Settings

__all__ = ["log_pipeline"]


def log_pipeline(
    settings: Settings, clock: Clock, constants: Mapping[str, object], owner: object
) -> LogPipeline | None:
    """Return the pipeline; None without a collector.

    Args:
        settings: What to send where.
        clock: The clocks.
        constants: Fields of every record.
        owner: Whose it is: its next pipeline may use the spool folder before this one has let go of it.

    Raises:
        ConfigurationError: A setting turned out to be wrong: the trusted certificates cannot be read, say.
    """
    if settings.log_url is None:
        return None
    url = settings.log_url.get_secret_value()
    wire_format = format_for(settings.log_format, url)
    endpoint = Endpoint.parse(
        url,
        None if settings.log_token is None else settings.log_token.get_secret_value(),
        {name: value.get_secret_value() for name, value in settings.log_headers.items()},
        wire_format,
        tls=TlsFiles(settings.log_tls_ca, settings.log_tls_cert, settings.log_tls_key),
        proxy=None if settings.log_proxy is None else settings.log_proxy.get_secret_value(),
    )
    return LogPipeline(
        endpoint,
        wire_format,
        limits=Limits(settings.log_batch_bytes, settings.log_linger_s, settings.log_max_memory_bytes),
        clock=clock,
        storage=_storage(settings, owner),
        make_loss_record=LossReport(constants),
    )


def _storage(settings: Settings, owner: object) -> Storage | None:
    if settings.log_spool_dir is None:
        return None
    return Storage(
        settings.log_spool_dir,
        settings.log_durability,
        settings.log_spool_max_bytes,
        settings.log_spool_max_age_s,
        owner,
    )
