"""Secrets in text: what is taken out, what is left, and what it costs to look."""

import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queue_telemetry.logs._redaction import Redactor


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("password=hunter2", "password=[redacted]"),
        ("failed: password=hunter2, user=bob", "failed: password=[redacted], user=bob"),
        ("password:hunter2", "password:[redacted]"),
        ("db.password = hunter2 (x)", "db.password = [redacted] (x)"),
        ("PASSWORD=hunter2;a=b", "PASSWORD=[redacted];a=b"),
        ("--token=abc --user=bob", "--token=[redacted] --user=bob"),
        ("api_key=>'abc'", "api_key=>'[redacted]'"),
        ("X-API-Key: abc", "X-API-Key: [redacted]"),
        ('{"token": "abc\\"def", "a": 1}', '{"token": "[redacted]", "a": 1}'),
        ('{"token":"abc"}', '{"token":"[redacted]"}'),
        ("{'token': 'abc', 'a': b'c'}", "{'token': '[redacted]', 'a': b'c'}"),
        ("{b'token': b'abc'}", "{b'token': b'[redacted]'}"),
        ('{\\"token\\": \\"abc\\", \\"a\\": 1}', '{\\"token\\": \\"[redacted]\\", \\"a\\": 1}'),
        ("login(password='a b', user='c')", "login(password='[redacted]', user='c')"),
        ("password: 'never closed\nnext", "password: '[redacted]\nnext"),
        ('password: str = "hunter2"', 'password: [redacted] = "[redacted]"'),
        ("Authorization: Bearer abc.def-ghi/x==", "Authorization: [redacted]"),
        ("authorization=Basic dTpw other", "authorization=[redacted] other"),
        ('curl -H "Authorization: Bearer abc" x', 'curl -H "Authorization: [redacted]" x'),
        ("{'Authorization': 'Bearer abc'}", "{'Authorization': '[redacted]'}"),
        ('Authorization: Digest username="M", response="66"\nnext', "Authorization: [redacted]\nnext"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=fe",
            "Authorization: [redacted]",
        ),
        ("Cookie: sid=abc; theme=dark\nnext", "Cookie: [redacted]\nnext"),
        ("GET /x?token=abc&page=2", "GET /x?token=[redacted]&page=2"),
        ("at https://h/?a=1&dd-api-key=abc", "at https://h/?a=1&dd-api-key=[redacted]"),
        ("postgres://user:pass@host/db", "postgres://[redacted]@host/db"),
        ("postgres://user:p@ss@host/db", "postgres://[redacted]@host/db"),
        ("redis://:pa/ss@host:6379/0", "redis://[redacted]@host:6379/0"),
        ("to 'amqps://u:p@mq:5671//v', then", "to 'amqps://[redacted]@mq:5671//v', then"),
        ("https://key@sentry.test/1", "https://[redacted]@sentry.test/1"),
        ("dsn=https://key@sentry.test/1 set", "dsn=[redacted] set"),
        ("a://u:p@h b://u:p@h", "a://[redacted]@h b://[redacted]@h"),
        ("pass: hunter2", "pass: [redacted]"),
        ("auth=hunter2 x", "auth=[redacted] x"),
        ("jwt=eyJabc", "jwt=[redacted]"),
        ("session_id=abc", "session_id=[redacted]"),
        ("https://x/?sig=ab%2Bc&se=1", "https://x/?sig=[redacted]&se=1"),
        ("https://x/?se=1&sig=12", "https://x/?se=1&sig=[redacted]"),
        ("https://x/?X-Amz-Signature=ab&a=1", "https://x/?X-Amz-Signature=[redacted]&a=1"),
        ("got Bearer eyJhbGciOiJIUzI1NiJ9.e30.xyz", "got Bearer [redacted]"),
        ("got bearer 0123456789abcdef!", "got bearer [redacted]!"),
        ("id eyJhbGciOiJIUzI1NiJ9.e30.xyz ok", "id [redacted] ok"),
        ("mysql --password hunter2 db", "mysql --password [redacted] db"),
        ("x --api-key 'a b' db", "x --api-key '[redacted]' db"),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nab==\n-----END RSA PRIVATE KEY-----\nb",
            "a\n-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\nb",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY-----[redacted]"),
        ("('password', 'hunter2')", "('password', '[redacted]')"),
        ("[(b'token', b'hunter2')]", "[(b'token', b'[redacted]')]"),
        ('["token", "hunter2"]', '["token", "[redacted]"]'),
        ("token: Bearer hunter2 x", "token: [redacted] x"),
        ("<a><password>hun ter2</password></a>", "<a><password>[redacted]</password></a>"),
        ("a=1&b=user%26password%3Dhunter2&c=3", "a=1&b=user%26password%3D[redacted]&c=3"),
        ("{'password': ['hunter2', (1, 'b')], 'a': [1]}", "{'password': [redacted], 'a': [1]}"),
        ('{\n  "tokens": [\n    "hunter]2"\n  ]\n}', '{\n  "tokens": [redacted]\n}'),
        ("password=(hunter2, x)y z", "password=[redacted] z"),
        ("password=['hunter2\nnext]", "password=[redacted]\nnext]"),
        ("password := hunter2", "password := [redacted]"),
        ("['mysql', '--password', 'hunter2', 'db']", "['mysql', '--password', '[redacted]', 'db']"),
        ("a" * 200 + "_password=hunter2", "a" * 200 + "_password=[redacted]"),
        ('{"name": "password", "value": "hunter2"}', '{"name": "password", "value": "[redacted]"}'),
        ("{'Name': 'DB_PASSWORD', 'Value': 'hunter2'}", "{'Name': 'DB_PASSWORD', 'Value': '[redacted]'}"),
        (r"{\"key\":\"api_key\",\"value\":\"hunter2\"}", r"{\"key\":\"api_key\",\"value\":\"[redacted]\"}"),
        ('<add key="password" value="hunter2"/>', '<add key="password" value="[redacted]"/>'),
        ('password = """hunt"er2"""', 'password = """[redacted]"""'),
        ("<a:password type='x'>hunter2</a:password>", "<a:password type='x'>[redacted]</a:password>"),
        ("curl -u admin:hunter2 https://x", "curl -u admin:[redacted] https://x"),
        ("curl --user=admin:hunter2 x", "curl --user=admin:[redacted] x"),
        ("['curl', '-u', 'admin:hunter2']", "['curl', '-u', 'admin:[redacted]']"),
        ("the API key: hunter2", "the API key: [redacted]"),
        ("secret key=hunter2", "secret key=[redacted]"),
        ("sent Basic dTpodW50ZXIy then", "sent Basic [redacted] then"),
        ("Authorization\n: Basic dTpodW50ZXIy", "Authorization\n: [redacted]"),
        (f"pushed with ghp_{'aB3' * 12} ok", "pushed with [redacted] ok"),
        ("bot xoxb-123-hunter2hunter2", "bot [redacted]"),
        ("id AKIAIOSFODNN7EXAMPLE", "id [redacted]"),
        ("x://://@@", "x://[redacted]@"),
    ],
)
def test_what_is_hidden(text: str, scrubbed: str) -> None:
    assert scrubbed == Redactor().scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "user bob logged in",
        "user: bob",
        "rows=5 took=3ms",
        "https://host:8080/a@b?c=d",
        "mail to bob@example.test: sent",
        "max_tokens=512, tokens: 7",
        "tokenizer=fast",
        "key=abc",
        "monkey: george",
        "if token == expected:",
        "token: None",
        "password=",
        "the password must be long: at least 8",
        "jwt.TokenExpired: signature",
        "TokenError: bad signature",
        "password=[redacted]",
        "Authorization: [redacted] next",
        "10:15:30 done",
        "C:\\token",
        "author: Bob, authority: none",
        "compass: north; passed: 3",
        "keyboard: us",
        "session: open",
        "session=7",
        "killed with sig=9",
        "bearer of bad news -- a message",
        "Bearer authentication is missing: see the manual",
        "['password', 'email', 'name']",
        "<a>token</a>",
        "-- token x",
        "a--b --user bob",
        "['mysql', '--password', '--verbose']",
        "50%3D",
        "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
        "primary key: 7",
        "basic authentication: is off",
        '{"name": "user", "value": "bob"}',
        '<p class="x">token</p>',
        "<token type='x'>[redacted]</token>",
        "docker run --user 1000:1000 x",
        "gh: high, IA: AI",
    ],
)
def test_what_is_left(text: str) -> None:
    assert text is Redactor().scrub(text)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("card_number", "cardNumber=4111"),
        ("card_number", "card-number: 4111"),
        ("cardnumber", "card_number=4111"),
        ("PIN", "pin: 4111"),
        ("пароль", "Пароль: 4111"),
    ],
)
def test_further_keys_are_hidden_in_text_too(key: str, text: str) -> None:
    assert "4111" not in Redactor([key]).scrub(text)


_SECRET = "S3CRET"
_KEYS = st.sampled_from(["password", "db_password", "api-key", "accessToken", "client_secret", "PWD"])
_TEXT = st.text(st.characters(), max_size=30)
_FORMS = st.sampled_from(
    ["{}={}", "{}: {}", '"{}": "{}"', "'{}': '{}'", "{}='{}'", '\\"{}\\": \\"{}\\"', "{} = {}", "{}=>{}"]
)


@given(_KEYS, _FORMS, _TEXT, _TEXT)
@example("password", "{}: {}", "", "=x")
def test_a_secret_is_hidden_in_any_surroundings(key: str, form: str, before: str, after: str) -> None:
    text = f"{before} {form.format(key, _SECRET)}\n{after}"

    assert _SECRET not in Redactor().scrub(text)


@given(
    st.lists(
        st.sampled_from(
            [
                *"a:/@.=\"'\\ \n[](){},&?;<>%1-",
                "token",
                "authorization",
                "cookie",
                "3D",
                "value",
                "curl -u ",
                "Basic ",
            ]
        ),
        max_size=60,
    ).map("".join)
)
def test_twice_is_as_once(text: str) -> None:
    redactor = Redactor()
    once = redactor.scrub(text)

    assert once == redactor.scrub(once)


@given(st.text(st.characters()))
def test_any_text_can_be_scrubbed(text: str) -> None:
    Redactor(["card_number"]).scrub(f"token: {text}")


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "token ",
        "token:",
        "token='",
        'token="\\',
        "://",
        "://a:",
        "a://b@",
        "authorization: a, b=",
        "cookie: a;",
        "=",
        "\\",
        'token=\\\\\\"',
        "a-",
        " ",
        "[redacted]",
        "key",
        "key_",
        "-key",
        "İkey=",
        "key ",
        "key>",
        "('token',",
        "eyJ-",
        "eyJaaaaaa.aa.",
        "bearer ",
        "--key ",
        "-----BEGIN PRIVATE KEY-----",
        "dsn=x ",
        "token:[",
        "token:[\n",
        '"token":[\n',
        "token:['",
        "'--token','",
        "<token>",
        "%3Dtoken%3D",
    ],
)
def test_what_a_text_costs_grows_no_faster_than_its_length(part: str) -> None:
    short, long = (f"token: x ://{part * (length // len(part))}:@" for length in (25_000, 100_000))
    scrub = Redactor().scrub
    least_s = {short: math.inf, long: math.inf}

    for _ in range(5):
        for text, known_s in least_s.items():
            began_s = time.thread_time()
            scrub(text)
            least_s[text] = min(known_s, time.thread_time() - began_s)

    assert least_s[long] < 9 * least_s[short]  # 4 times as long; a quadratic search takes 16 times


@pytest.mark.parametrize(
    "text",
    [
        f"password={'S3CRET' * 60_000}",
        f"{'x ' * 32_000}password={'S3CRET' * 60_000} y",
        f"{'x ' * 200_000}password=S3CRET{'S' * (64 * 1024 - 6)}",
    ],
    ids=["one word", "cut begins in it", "cut ends in it"],
)
def test_of_a_text_that_is_cut_no_part_of_a_secret_is_left(text: str) -> None:
    scrubbed = Redactor().scrub(text)

    assert "S" not in scrubbed
    assert "characters cut" in scrubbed
