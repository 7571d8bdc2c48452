"""The types of settings: how each kind of value is read, and what is refused."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    SecretStr,
    StringConstraints,
)

from queue_telemetry.logs.formats import FORMATS, Format
from queue_telemetry.settings import _parse

__all__ = [
    "AgeOrOff",
    "Count",
    "CountOrOff",
    "FilePath",
    "FolderPath",
    "FormatChoice",
    "Headers",
    "Host",
    "Interval",
    "Level",
    "Names",
    "Origin",
    "Prefix",
    "Reasons",
    "Socket",
    "Tags",
    "Text",
    "Token",
    "Url",
]


def _check_url(url: SecretStr) -> SecretStr:
    _parse.check_url(url.get_secret_value())
    return url


def _check_token(token: SecretStr) -> SecretStr:
    _parse.check_token(token.get_secret_value())
    return token


def _check_format(wire_format: str | Format) -> str | Format:
    if isinstance(wire_format, str) and wire_format not in FORMATS:
        raise ValueError
    return wire_format


def _name_of(wire_format: str | Format) -> str:
    return wire_format if isinstance(wire_format, str) else wire_format.name


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Host = Annotated[Text, AfterValidator(_parse.check_host)]
Socket = Annotated[Text, AfterValidator(_parse.check_socket)]
Origin = Annotated[Text, AfterValidator(_parse.check_origin)]
Interval = Annotated[float, Field(ge=0.1, le=10), AfterValidator(_parse.check_interval)]
Prefix = Annotated[Text, AfterValidator(_parse.check_prefix)]
Tags = Annotated[dict[str, str], BeforeValidator(_parse.split_tags)]
Headers = Annotated[dict[str, SecretStr], BeforeValidator(_parse.split_headers)]
Url = Annotated[SecretStr, AfterValidator(_check_url)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]
Names = Annotated[tuple[Text, ...], BeforeValidator(_parse.split_names)]
Reasons = Annotated[
    tuple[Text, ...], BeforeValidator(_parse.split_names), AfterValidator(_parse.check_reasons)
]
FormatChoice = Annotated[
    str | InstanceOf[Format],
    BeforeValidator(_parse.lower_case),
    AfterValidator(_check_format),
    PlainSerializer(_name_of, when_used="json"),
]
FilePath = Annotated[Path, AfterValidator(_parse.check_file)]
FolderPath = Annotated[Path, AfterValidator(_parse.check_path)]
Level = Annotated[
    Literal["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(_parse.upper_case),
]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
CountOrOff = Annotated[int, Field(ge=0, le=1_000_000_000)]
AgeOrOff = Annotated[float, Field(ge=0, le=31_536_000)]
