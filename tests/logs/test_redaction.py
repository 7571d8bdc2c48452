"""Secrets are hidden by key, at any depth, on a copy."""

import copy
import json
from collections import OrderedDict, UserList, deque
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from queue_telemetry.logs import Redactor
from queue_telemetry.logs._encoder import encode


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "PASSWORD",
        "db_password",
        "dbPassword",
        "user-passwd",
        "client_secret",
        "secretKey",
        "token",
        "csrf_token",
        "accessToken",
        "X-Auth-Token",
        "Authorization",
        "Proxy-Authorization",
        "cookie",
        "Set-Cookie",
        "api_key",
        "apikey",
        "X-API-Key",
        "apiKey",
        "SENTRY_DSN",
        "dsn",
        "private_key",
        "privateKey",
        "credential",
        "aws_credentials",
        "passphrase",
        "pwd",
        "tokens",
        "user_tokens",
        "csrftoken",
        "sessionToken",
        "pass",
        "MYSQL_PASS",
        "PGPASS",
        "dbPass",
        "SIGNING_KEY",
        "ENCRYPTION_KEY",
        "SSH_KEY",
        "AccountKey",
        "jwt",
        "id_jwt",
        "auth",
        "basic_auth",
        "bearer",
        "signature",
        "X-Hub-Signature-256",
        "session_id",
        "sessionid",
    ],
)
def test_secret_keys_are_hidden(key: str) -> None:
    assert {key: "[redacted]"} == Redactor().redact({key: "hunter2"})


@pytest.mark.parametrize(
    "key",
    [
        "user",
        "tokenizer",
        "key",
        "monkey",
        "records_name",
        "",
        "author",
        "authority",
        "auth_method",
        "compass",
        "passed",
        "pass_rate",
        "keyboard",
        "bearer_count",
        "session",
        "sig",
        "signature_algorithm",
    ],
)
def test_other_keys_are_left(key: str) -> None:
    assert {key: "hunter2"} == Redactor().redact({key: "hunter2"})


def test_a_number_of_tokens_is_left() -> None:
    assert {"max_tokens": 512} == Redactor().redact({"max_tokens": 512})


@pytest.mark.parametrize(
    ("further", "key"),
    [
        ("пароль", "пароль"),
        ("пароль", "новыйПароль"),
        ("密码", "用户密码"),
        ("card_number", "CARDNUMBER"),
        ("card_number", "userCardNumber"),
        ("cardnumber", "card_number"),
    ],
)
def test_further_keys_are_hidden_however_they_are_written(further: str, key: str) -> None:
    assert {key: "[redacted]"} == Redactor([further]).redact({key: "hunter2"})


def test_a_further_key_without_letters_hides_nothing() -> None:
    assert {"a": "b"} == Redactor(["***", ""]).redact({"a": "b"})


def test_further_keys_are_hidden_by_their_words() -> None:
    hidden = Redactor(["card_number", "PIN"]).redact(
        {"cardNumber": 1, "user_card_number": 2, "pin": 3, "card": 4, "shipping": 5}
    )

    assert {
        "cardNumber": "[redacted]",
        "user_card_number": "[redacted]",
        "pin": "[redacted]",
        "card": 4,
        "shipping": 5,
    } == hidden


class _Login(NamedTuple):
    user: str
    password: str


@dataclass
class _Account:
    user: str
    password: str


@dataclass(frozen=True)
class _Frozen:
    password: str


@dataclass
class _WithMore:
    user: str

    def __post_init__(self) -> None:
        self.password = "S"


class _Attrs:
    """As attrs lays its classes out."""

    __attrs_attrs__ = (SimpleNamespace(name="password"),)
    password = "S"


class _Model(BaseModel):
    password: str


class _Config(Enum):
    LOGIN = {"password": "S"}


class _Key(Enum):
    LOGIN = "password"
    TOKEN = 1


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ({"a": {"b": [{"password": "S"}]}}, {"a": {"b": [{"password": "[redacted]"}]}}),
        ({"a": ({"token": "S"}, 1)}, {"a": [{"token": "[redacted]"}, 1]}),
        ({"a": deque([{"token": "S"}])}, {"a": [{"token": "[redacted]"}]}),
        ({"a": OrderedDict(token="S")}, {"a": {"token": "[redacted]"}}),
        ({"a": MappingProxyType({"token": "S"})}, {"a": {"token": "[redacted]"}}),
        ({"a": _Account("u", "S")}, {"a": {"user": "u", "password": "[redacted]"}}),
        ({"a": [_Login("u", "S")]}, {"a": [{"user": "u", "password": "[redacted]"}]}),
        ({"a": {1: {"token": "S"}}}, {"a": {"1": {"token": "[redacted]"}}}),
        ({"a": {b"token": b"S"}}, {"a": {"token": "[redacted]"}}),
        (
            {"a": [("token", "S"), (b"token", b"S")]},
            {"a": [["token", "[redacted]"], ["b'token'", "[redacted]"]]},
        ),
        (
            {"a": ["mysql", "--password", "S", "--token", "--verbose", "db"]},
            {"a": ["mysql", "--password", "[redacted]", "--token", "--verbose", "db"]},
        ),
        ({"a": {"token": "S"}.items()}, {"a": [["token", "[redacted]"]]}),
        ({"a": {"b": {"token": "S"}}.values()}, {"a": [{"token": "[redacted]"}]}),
        ({"a": {_Frozen("S")}}, {"a": [{"password": "[redacted]"}]}),
        ({"a": UserList([{"token": "S"}])}, {"a": [{"token": "[redacted]"}]}),
        ({"a": SimpleNamespace(token="S")}, {"a": {"token": "[redacted]"}}),
        ({"a": _WithMore("u")}, {"a": {"user": "u"}}),
        ({"a": _Attrs()}, {"a": {"password": "[redacted]"}}),
        ({"a": _Model(password="S")}, {"a": {"password": "[redacted]"}}),
        ({"a": _Config.LOGIN}, {"a": {"password": "[redacted]"}}),
        ({"a": {_Key.LOGIN: "S", _Key.TOKEN: "S"}}, {"a": {"password": "[redacted]", "TOKEN": "[redacted]"}}),
        ({"password": {"old": "S"}}, {"password": "[redacted]"}),
    ],
    ids=[
        "dict",
        "tuple",
        "deque",
        "ordered",
        "proxy",
        "dataclass",
        "namedtuple",
        "number key",
        "bytes key",
        "pairs",
        "a command's arguments",
        "items",
        "values",
        "set",
        "user list",
        "namespace",
        "attribute beside the fields",
        "attrs",
        "pydantic",
        "enum value",
        "enum key",
        "whole value",
    ],
)
def test_secrets_are_hidden_inside(value: dict[str, Any], hidden: dict[str, Any]) -> None:
    assert hidden == Redactor().redact(value)


_TREES = st.recursive(
    st.sampled_from([1, 2.5, None, "mail", "--password", "password=S", "token", "x", b"x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "password", "token=x", 7]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_TREES)
def test_once_its_keys_are_known_a_tree_is_copied_as_before(tree: object) -> None:
    redactor = Redactor()
    fields = {"a": tree}
    before = copy.deepcopy(fields)
    first = redactor.redact(fields)

    second = redactor.redact(fields)

    assert json.dumps(first, default=repr) == json.dumps(second, default=repr)
    assert before == fields
    assert not isinstance(tree, (list, dict)) or second["a"] is not tree


def test_a_tree_that_changes_later_leaves_its_copy() -> None:
    redactor = Redactor()
    fields: dict[str, Any] = {"a": {"b": [1, {"c": "d"}]}}
    redactor.redact(fields)

    redacted = redactor.redact(fields)
    fields["a"]["b"].append(2)

    assert {"a": {"b": [1, {"c": "d"}]}} == redacted


def test_the_original_is_left_as_it_was() -> None:
    original = {"a": [{"password": "S", "b": [1]}], "c": {"d": 1}}
    before = copy.deepcopy(original)

    Redactor().redact(original)

    assert before == original


def test_plain_fields_without_secrets_are_not_copied_once_their_keys_are_known() -> None:
    redactor = Redactor()
    fields = {"a": 1, "c": "d"}
    redactor.redact(fields)

    assert fields is redactor.redact(fields)


def test_what_is_too_deep_to_look_into_is_not_shown() -> None:
    deep: dict[str, Any] = {"password": "S"}
    for _ in range(20):
        deep = {"a": deep}

    assert b"S" not in encode(dict(Redactor().redact(deep)))


def test_a_value_that_holds_itself_many_times_ends() -> None:
    knot: list[Any] = [{"password": "S"}]
    knot.extend([knot] * 10)

    assert b'"S"' not in encode(dict(Redactor().redact({"a": knot})))


def test_a_long_key_is_hidden_and_not_remembered() -> None:
    redactor = Redactor()

    hidden = redactor.redact({"x" * 200 + "_password": "S", "y" * 200: 1})

    assert ["[redacted]", 1] == list(hidden.values())
    assert not redactor._harmless | redactor._secret


def test_keys_made_of_data_do_not_fill_the_memory() -> None:
    redactor = Redactor()
    for number in range(10_000):
        redactor.redact({f"key_{number}": 1, f"token_{number}": 2})

    assert len(redactor._harmless) + len(redactor._secret) <= 4_096
    assert {"token_1": "[redacted]"} == redactor.redact({"token_1": 2})


_TREES = st.recursive(
    st.just("S3CRET"),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(_TREES, st.sampled_from(["password", "Authorization", "api-key"]))
def test_nothing_under_a_secret_key_is_ever_encoded(tree: Any, key: str) -> None:
    line = encode(dict(Redactor().redact({"x": [{"y": {key: tree}}], key: tree})))

    assert b"S3CRET" not in line


@pytest.mark.parametrize(
    ("named", "hidden"),
    [
        ({"name": "DB_PASSWORD", "value": "hunter2"}, "value"),
        ({"Name": "DB_PASSWORD", "Value": "hunter2", "Type": "x"}, "Value"),
        ({"value": "hunter2", "key": "api-key"}, "value"),
        ({"header": "Authorization", "value": ["hunter2"]}, "value"),
    ],
)
def test_a_value_is_hidden_by_the_name_beside_it(named: dict[str, object], hidden: str) -> None:
    redactor = Redactor()

    for _ in range(2):  # by the caches too
        assert named | {hidden: "[redacted]"} == redactor.redact(named)
        assert [named | {hidden: "[redacted]"}] == redactor.redact({"env": [named]})["env"]


@pytest.mark.parametrize(
    "named", [{"name": "user", "value": "bob"}, {"value": "bob"}, {"name": 7, "value": "bob"}]
)
def test_a_value_beside_another_name_stays(named: dict[str, object]) -> None:
    assert {"env": [named]} == Redactor().redact({"env": [named]})
