"""Whom to trust, and which certificate to show: from the user's files to a TLS context.

The environment has no say in it: another tool's `SSL_CERT_FILE` would decide whom a collector may be, and
`SSLKEYLOGFILE` would write the keys of each connection down.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import certifi

from queue_telemetry.exceptions import ConfigurationError

__all__ = ["TlsFiles", "forget_files", "is_about_certificates", "renew", "tls_context"]

_MAX_CONTEXTS: Final = 16
_PUBLIC_AUTHORITIES: Final = (
    certifi.where()
)  # now: it imports more when it is first asked, and a thread may be asking
_CERTIFICATE_WORDS: Final = ("CERTIFICATE", "UNKNOWN_CA")
"""One of these is in the reason of each alert on what somebody has shown, by the names of OpenSSL.

Source: https://www.rfc-editor.org/rfc/rfc8446#section-6.2
"""


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


_Versions = tuple[tuple[int, int, int] | None, ...]
_read: dict[TlsFiles, tuple[_Versions, ssl.SSLContext]] = {}
"""What was made of which version of the files: it takes tens of milliseconds, and forked children share it."""


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context of these files: the same one as long as no file changes.

    Raises:
        ConfigurationError: A file is not what it should be.
    """
    versions = tuple(_version_of(file) for file in (files.ca, files.certificate, files.key))
    known = _read.get(files)
    if known is not None and known[0] == versions:
        return known[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificates and names
    try:
        _trust(files, context)
    except (OSError, ssl.SSLError) as error:
        name = "" if files.ca is None else f" of LOG_TLS_CA={str(files.ca)!r}"
        raise ConfigurationError(f"the trusted certificates{name} cannot be read: {error}") from error
    if files.certificate is not None:
        try:
            context.load_cert_chain(files.certificate, files.key, _no_password)
        except (OSError, ssl.SSLError) as error:
            given = f"LOG_TLS_CERT={str(files.certificate)!r}"
            raise ConfigurationError(f"{given} cannot be shown with its key: {error}") from error
    if len(_read) >= _MAX_CONTEXTS:
        _read.clear()
    _read[files] = (versions, context)
    return context


def forget_files() -> None:
    """Read all files again when they are asked for next."""
    _read.clear()


def renew(files: TlsFiles, context: ssl.SSLContext) -> None:
    """Take up what was renewed in its file, after a failure; what cannot be read changes nothing.

    An authority that is no longer in its file is trusted until the next configuration.
    """
    with suppress(OSError, ssl.SSLError):
        _trust(files, context)
    if files.certificate is not None:
        with suppress(OSError, ssl.SSLError, ConfigurationError):
            context.load_cert_chain(files.certificate, files.key, _no_password)


def is_about_certificates(error: BaseException) -> bool:
    """Tell whether one side does not trust what the other has shown; all else about TLS passes.

    A front that restarts closes handshakes, and one that is overloaded may answer in plain HTTP.
    """
    if not isinstance(error, ssl.SSLError):
        return False
    reason = error.reason or ""
    return isinstance(error, ssl.SSLCertVerificationError) or any(
        word in reason for word in _CERTIFICATE_WORDS
    )


def _trust(files: TlsFiles, context: ssl.SSLContext) -> None:
    context.load_verify_locations(_PUBLIC_AUTHORITIES if files.ca is None else files.ca)


def _version_of(file: Path | None) -> tuple[int, int, int] | None:
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:  # to be told when it is read
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _no_password() -> str:
    """Refuse a locked key: the TLS library would ask for its password on the terminal."""
    raise ConfigurationError("LOG_TLS_KEY is locked by a password: should be a key without one")
