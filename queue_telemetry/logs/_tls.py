"""Whom to trust, and which certificate to show: from the user's files to a TLS context."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from queue_telemetry.exceptions import ConfigurationError

__all__ = ["TlsFiles", "show_again", "tls_context"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files in PEM.

    Attributes:
        ca: Certificates to trust in place of the public ones; None trusts those.
        certificate: The client's own, with its chain; None shows none.
        key: The key of *certificate*; None when it is in the same file.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@cache
def tls_context(files: TlsFiles, trust_public: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return the context of these files, the same one each time: forked children share what their parent read.

    Args:
        files: The user's.
        trust_public: Makes a context that trusts the public certificates, which takes tens of milliseconds.

    Raises:
        ConfigurationError: A file is not what it should be.
    """
    try:
        context = trust_public() if files.ca is None else ssl.create_default_context(cafile=files.ca)
    except (OSError, ssl.SSLError) as error:
        name = "" if files.ca is None else f" of LOG_TLS_CA={str(files.ca)!r}"
        raise ConfigurationError(f"the trusted certificates{name} cannot be read: {error}") from error
    if files.certificate is not None:
        try:
            context.load_cert_chain(files.certificate, files.key, _no_password)
        except (OSError, ssl.SSLError) as error:
            given = f"LOG_TLS_CERT={str(files.certificate)!r}"
            raise ConfigurationError(f"{given} cannot be shown with its key: {error}") from error
    return context


def show_again(files: TlsFiles, context: ssl.SSLContext) -> None:
    """Take up a client certificate that was renewed in its file; one that cannot be read changes nothing."""
    if files.certificate is not None:
        with suppress(OSError, ssl.SSLError, ConfigurationError):
            context.load_cert_chain(files.certificate, files.key, _no_password)


def _no_password() -> str:
    """Refuse a locked key: the TLS library would ask for its password on the terminal."""
    raise ConfigurationError("LOG_TLS_KEY is locked by a password: should be a key without one")
