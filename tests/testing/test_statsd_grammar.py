"""The grammar takes what every server reads alike, and refuses the rest with a reason."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.testing._statsd_grammar import Refusal, StatsdLine, read_datagram, read_line

NUMBERS = st.integers(-(10**18), 10**18) | st.decimals(
    -(10**9), 10**9, places=6, allow_nan=False, allow_infinity=False
).filter(lambda value: value != 0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"jobs.done:1|c", StatsdLine("jobs.done", "c", (1,), Fraction(1), {})),
        (b"jobs.done:-3|c|@0.1", StatsdLine("jobs.done", "c", (-3,), Fraction(1, 10), {})),
        (b"a-b_c.D9:0.5|g", StatsdLine("a-b_c.D9", "g", (Fraction(1, 2),), Fraction(1), {})),
        (b"t:320.5|ms|@1", StatsdLine("t", "ms", (Fraction(641, 2),), Fraction(1), {})),
        (
            b"t:1:2:3.5|d|@0.5|#queue:mail,url:http://x:80/a",
            StatsdLine(
                "t", "d", (1, 2, Fraction(7, 2)), Fraction(1, 2), {"queue": "mail", "url": "http://x:80/a"}
            ),
        ),
        ("a:1|c|#k:niño".encode(), StatsdLine("a", "c", (1,), Fraction(1), {"k": "niño"})),
        (b"t:-1|h|#a:b", StatsdLine("t", "h", (-1,), Fraction(1), {"a": "b"})),
    ],
)
def test_a_good_line_is_read_exactly(line: bytes, expected: StatsdLine) -> None:
    assert read_line(line) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "an empty line"),
        (b"a:1|c\r", "unknown type 'c\\r'"),
        (b"a\t:1|c", "a character outside the charset in 'a\\t'"),
        ("ñ:1|c".encode(), "a character outside the charset in 'ñ'"),
        ("a:\u0661|c".encode(), "not a plain decimal number: '\u0661'"),
        ("a:1|c|#ñ:b".encode(), "a tag key outside the charset: 'ñ'"),
        (b"a:1|c|#k:v\r", "a tag value outside the charset: 'v\\r'"),
        (b"a:1|c|#k:\xff", "not UTF-8"),
        (b":1|c", "an empty name"),
        (b"_e{1,1}:a|b", "a name with a leading underscore"),
        (b"_sc|redis|0", "a name with a leading underscore"),
        (b"a..b:1|c", "a name with an empty node"),
        (b".a:1|c", "a name with an empty node"),
        (b"a.:1|c", "a name with an empty node"),
        (b"a b:1|c", "a character outside the charset in 'a b'"),
        (b"x.a/b:1|c", "a character outside the charset in 'a/b'"),
        (b"a;k=v:1|c", "a character outside the charset in 'a;k=v'"),
        (b"a,k=v:1|c", "a character outside the charset in 'a,k=v'"),
        (b"a@b:1|c", "a character outside the charset in 'a@b'"),
        (b"a", "no value"),
        (b"a|c", "no value"),
        (b"a:1", "no type"),
        (b"a:1|", "unknown type ''"),
        (b"a:1|zz", "unknown type 'zz'"),
        (b"a:x|s", "unknown type 's'"),
        (b"a:|c", "not a plain decimal number: ''"),
        (b"a:nan|g", "not a plain decimal number: 'nan'"),
        (b"a:inf|g", "not a plain decimal number: 'inf'"),
        (b"a:True|c", "not a plain decimal number: 'True'"),
        (b"a:1e3|c", "not a plain decimal number: '1e3'"),
        (b"a:+4|g", "not a plain decimal number: '+4'"),
        (b"a:.5|g", "not a plain decimal number: '.5'"),
        (b"a:1.|g", "not a plain decimal number: '1.'"),
        (b"a:01|c", "not a plain decimal number: '01'"),
        (b"a: 1|c", "not a plain decimal number: ' 1'"),
        (b"a:-0|c", "a negative zero"),
        (b"a:-0.0|g", "a negative zero"),
        (b"a:1:2|c", "packed values are for timings"),
        (b"a:1:2|g", "packed values are for timings"),
        (b"a:1::2|d", "not a plain decimal number: ''"),
        (b"a:-1|ms", "a negative duration"),
        (b"a:1|g|@0.5", "a gauge has no sample rate"),
        (b"a:1|c|@0", "a rate outside (0, 1]: '0'"),
        (b"a:1|c|@1.5", "a rate outside (0, 1]: '1.5'"),
        (b"a:1|c|@1e-05", "not a plain decimal rate: '1e-05'"),
        (b"a:1|c|@-0.1", "not a plain decimal rate: '-0.1'"),
        (b"a:1|c|@", "not a plain decimal rate: ''"),
        (b"a:1|c|#", "a bare tag: ''"),
        (b"a:1|c|#prod", "a bare tag: 'prod'"),
        (b"a:1|c|#env:", "a bare tag: 'env:'"),
        (b"a:1|c|#a:b,", "a bare tag: ''"),
        (b"a:1|c|#:b", "a tag key outside the charset: ''"),
        (b"a:1|c|#9a:b", "a tag key outside the charset: '9a'"),
        (b"a:1|c|#a b:c", "a tag key outside the charset: 'a b'"),
        (b"a:1|c|#a:b c", "a tag value outside the charset: 'b c'"),
        (b"a:1|c|#a:b:", "a tag value outside the charset: 'b:'"),
        (b"a:1|c|#a:b=c", "a tag value outside the charset: 'b=c'"),
        (b"a:1|c|#a:b,a:c", "a tag key twice: 'a'"),
        (b"a:1|c|#a:b|@0.1", "a section that is unknown or in the wrong place: '@0.1'"),
        (b"a:1|c|c:ci-x", "a section that is unknown or in the wrong place: 'c:ci-x'"),
        (b"a:1|c|#a:b|T1656581400", "a section that is unknown or in the wrong place: 'T1656581400'"),
        (b"a:1|c|", "a section that is unknown or in the wrong place: ''"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    assert read_line(line) == Refusal(line, reason)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"a:1|c|#k:v", "tags are of another dialect"),
        (b"a:1:2|ms", "packed values are of another dialect"),
        (b"a:1|h", "type 'h' is of another dialect"),
        (b"a:1|d", "type 'd' is of another dialect"),
    ],
)
def test_a_plain_server_refuses_what_only_datadog_knows(line: bytes, reason: str) -> None:
    assert read_line(line, dialect="statsd") == Refusal(line, reason)
    assert isinstance(read_line(line, dialect="datadog"), StatsdLine)


@pytest.mark.parametrize(
    "payload", [b"a:1|c\nb:2|c", b"a:1|c\nb:2|c\n"], ids=["no newline at the end", "a newline at the end"]
)
def test_every_line_of_a_datagram_is_read(payload: bytes) -> None:
    assert ["a", "b"] == [line.name for line in read_datagram(payload) if isinstance(line, StatsdLine)]


@pytest.mark.parametrize(
    ("payload", "empty_lines"),
    [(b"", 1), (b"\n", 1), (b"a:1|c\n\n", 1), (b"a:1|c\n\nb:1|c", 1), (b"\n\n", 2)],
)
def test_empty_lines_are_refused(payload: bytes, empty_lines: int) -> None:
    refusals = [line for line in read_datagram(payload) if isinstance(line, Refusal)]

    assert [Refusal(b"", "an empty line")] * empty_lines == refusals


@pytest.mark.parametrize(
    "payload",
    [b"a:-10|g", b"a:0|g\nb:1|c\na:-10|g", b"a:0|g\nb:-10|g", b"a:1|g\na:-10|g", b"a:0|c\na:-10|g"],
    ids=["alone", "not next to it", "of another gauge", "not a zero", "not a gauge"],
)
def test_a_negative_gauge_of_a_plain_server_needs_its_zero_just_before(payload: bytes) -> None:
    *_, last = read_datagram(payload, dialect="statsd")

    assert Refusal(payload.split(b"\n")[-1], "a negative gauge without its zero before it is a step") == last


def test_a_zero_and_a_negative_gauge_set_the_gauge() -> None:
    zero, negative = read_datagram(b"a:0|g\na:-10|g", dialect="statsd")

    assert isinstance(zero, StatsdLine)
    assert StatsdLine("a", "g", (-10,), Fraction(1), {}) == negative


@pytest.mark.parametrize("dialect", ["datadog", None])
def test_a_negative_gauge_with_tags_is_a_value(dialect: None) -> None:
    assert isinstance(next(iter(read_datagram(b"a:-10|g|#slot:0", dialect=dialect))), StatsdLine)


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_numbers_keep_their_exact_value(numbers: list[object]) -> None:
    packed = ":".join(str(number) for number in numbers)

    line = read_line(f"t:{packed}|d".encode())

    assert isinstance(line, StatsdLine)
    assert tuple(numbers) == line.values


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_nothing_lost(payload: bytes) -> None:
    assert payload.removesuffix(b"\n").count(b"\n") + 1 == len(list(read_datagram(payload)))
