"""Complete the address that a user gave for a collector. Pure: no clock, no socket, no state."""

from urllib.parse import urlsplit, urlunsplit

__all__ = ["with_path"]


def with_path(url: str, path: str) -> str:
    """Return *url* with *path* where it has none; a path that the user gave stands."""
    parts = urlsplit(url)
    return url if parts.path.strip("/") else urlunsplit(parts._replace(path=path))
