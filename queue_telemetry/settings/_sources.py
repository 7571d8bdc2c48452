"""Where values come from: keywords, our variables, the `.env` file and variables borrowed from other tools."""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from queue_telemetry._runtime import say
from queue_telemetry.settings._dotenv import FILE_NAME, read_dotenv
from queue_telemetry.settings._names import PREFIX, is_link, unknown_keyword, unknown_variable
from queue_telemetry.statsd import SOCKET_SCHEMES

__all__ = ["Given", "Sources", "gather", "shown"]

_URL: Final = "DD_DOGSTATSD_URL"
_BORROWED: Final = (
    ("service", "DD_SERVICE"),
    ("env", "DD_ENV"),
    ("version", "DD_VERSION"),
    ("tags", "DD_TAGS"),
    ("statsd_host", "DD_AGENT_HOST"),
    ("statsd_host", "STATSD_HOST"),
    ("statsd_port", "DD_DOGSTATSD_PORT"),
    ("statsd_port", "STATSD_PORT"),
    ("statsd_prefix", "STATSD_PREFIX"),
    ("statsd_entity_id", "DD_ENTITY_ID"),
    ("statsd_external_env", "DD_EXTERNAL_ENV"),
    ("statsd_max_payload_bytes", "STATSD_MAXUDPSIZE"),
)
_LONGEST_SHOWN: Final = 80
_WITHOUT_USER: Final = re.compile(r"//[^/@]*@")  # what stands before the host may be a password


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """One value that a setting could have.

    Attributes:
        name: The variable or keyword, as the user spelled it.
        value: A variable's text without white space around it, or a keyword's value as it came.
        where: What to say after the value, such as ` in .env`; empty for the environment and keywords.
        ours: False for a variable that was not meant for this library: when it cannot be used, it is passed over.
    """

    name: str
    value: object
    where: str = ""
    ours: bool = True


@dataclass(slots=True)
class Sources:
    """All values that were found.

    Attributes:
        candidates: By field, the strongest first.
        problems: What is wrong with the sources themselves: names that no setting has, a file that cannot be read.
    """

    candidates: dict[str, list[Given]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def chosen(self) -> dict[str, Given]:
        """Return the strongest value of each field that has one, of a socket and a host the stronger."""
        chosen = {name: given[0] for name, given in self.candidates.items() if given}
        host, socket = chosen.get("statsd_host"), chosen.get("statsd_socket")
        if host is not None and socket is not None and _strength(host) > _strength(socket):
            del chosen["statsd_socket"]
            socket = None
        chosen.pop("statsd_port", None)
        for port in self.candidates.get("statsd_port", ()):
            if _goes_with(port, host):
                chosen["statsd_port"] = port
                break
        receiver = host if socket is None or socket.value is None else socket
        if receiver is not None and receiver.name.startswith("DD_") and "statsd_dialect" not in chosen:
            chosen["statsd_dialect"] = Given(receiver.name, "datadog", ours=False)
        return chosen

    def add(self, name: str, given: Given) -> None:
        """Add a weaker value of a field."""
        self.candidates.setdefault(name, []).append(given)


def gather(overrides: Mapping[str, object], fields: Collection[str]) -> Sources:
    """Collect the values of *fields*, from keywords down to borrowed variables; defaults are the model's.

    White space around a variable's value does not count, since secrets from files tend to end a line; an empty one
    counts as unset. Does not raise.
    """
    sources = Sources()
    for name, value in overrides.items():
        if name in fields:
            sources.add(name, Given(name, value))
        else:
            sources.problems.append(unknown_keyword(name, fields))
    # Looked up one by one: another thread may take a variable away meanwhile.
    environment = {name: value for name in list(os.environ) if (value := os.environ.get(name, "").strip())}
    from_file, problems = read_dotenv()
    from_file = {name: text for name, value in from_file.items() if (text := value.strip())}
    sources.problems += problems
    _add_ours(sources, environment, "", fields)
    _add_ours(sources, from_file, f" in {FILE_NAME}", fields)
    _add_borrowed(sources, {**from_file, **environment})
    return sources


def shown(value: object) -> str:
    """Return a value that is no secret as a message shows it: quoted, in one line, not too long. Does not raise."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a keyword's value is the user's own object
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _add_ours(sources: Sources, variables: Mapping[str, str], where: str, fields: Collection[str]) -> None:
    # Case does not matter; sorted, the upper case spelling comes first and wins.
    for name in sorted(variables):
        if not name.upper().startswith(PREFIX):
            continue
        value = variables[name]
        field_name = name[len(PREFIX) :].lower()
        link = is_link(name, value)
        if field_name in fields:
            sources.add(field_name, Given(name, value, where, ours=not link))
        elif not link:
            sources.problems.append(unknown_variable(name, where, fields))


def _add_borrowed(sources: Sources, variables: Mapping[str, str]) -> None:
    if _URL in variables and not any(given.ours for given in sources.candidates.get("statsd_host", ())):
        _add_url(sources, variables[_URL])
    for name, variable in _BORROWED:
        if variable in variables:
            sources.add(name, Given(variable, variables[variable], ours=False))


def _add_url(sources: Sources, url: str) -> None:
    """Add the host and the port of `udp://host:port` or `host:port`, or the socket of `unix:///path`.

    Source: https://docs.datadoghq.com/developers/dogstatsd/?tab=hostagent#client-instantiation-parameters
    """
    if url.startswith(SOCKET_SCHEMES):
        sources.add("statsd_socket", Given(_URL, url, ours=False))
        return
    try:
        parts = urlsplit(url if "://" in url else f"udp://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, usable = None, None, False
    else:
        usable = parts.scheme == "udp" and bool(host)
    if not usable:
        say(
            _URL,
            "%s=%s is ignored: should be udp://host:port or unix:///path",
            _URL,
            shown(_WITHOUT_USER.sub("//", url)),
        )
        return
    sources.add("statsd_host", Given(_URL, host, ours=False))
    if port is not None:
        sources.add("statsd_port", Given(_URL, port, ours=False))


def _strength(given: Given) -> int:
    """Tell how strong a source is: a keyword, our variable, the same in the file, another tool's variable."""
    if not given.ours:
        return 0
    if not given.name.upper().startswith(PREFIX):
        return 3
    return 1 if given.where else 2


def _goes_with(port: Given, host: Given | None) -> bool:
    """Tell whether this port may be used for this host: two tools' variables describe two receivers."""
    if port.ours:
        return True
    if port.name == _URL:
        return host is not None and host.name == _URL
    return host is None or host.ours or port.name.partition("_")[0] == host.name.partition("_")[0]
