import gc
import json
import string
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.metrics.errors import ErrorSample, fingerprint

_APPLICATION = """
def load(row):
    return parse(row)

def parse(row):
    raise ValueError(f"bad row {row}")
"""


class Boom(Exception):
    pass


class Bang(Exception):
    pass


def _caught(source: str, call: str = "load(1)", filename: str = "/srv/app/rows.py") -> BaseException:
    namespace: dict[str, object] = {"__name__": "app.rows", "Boom": Boom}
    exec(compile(source, filename, "exec"), namespace)
    try:
        exec(compile(call, "/srv/app/main.py", "exec"), namespace)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_fingerprint_is_sixteen_hexadecimal_digits() -> None:
    text = fingerprint(Boom())

    assert 16 == len(text)
    assert set(text) <= set(string.hexdigits.lower())


def test_the_same_fault_after_its_lines_moved_keeps_its_fingerprint() -> None:
    moved = "# a new comment\n\n\n" + _APPLICATION.replace("    raise", "    row = row\n    raise")

    assert fingerprint(_caught(_APPLICATION)) == fingerprint(_caught(moved))


def test_the_message_is_no_part_of_it() -> None:
    assert fingerprint(_caught(_APPLICATION)) == fingerprint(_caught(_APPLICATION, "load(2)"))


def test_another_type_at_the_same_place_differs() -> None:
    assert fingerprint(_caught(_APPLICATION)) != fingerprint(
        _caught(_APPLICATION.replace("ValueError", "Boom"))
    )


def test_another_function_differs() -> None:
    assert fingerprint(_caught(_APPLICATION)) != fingerprint(_caught(_APPLICATION.replace("parse", "read")))


def test_frames_beyond_the_five_innermost_are_no_part_of_it() -> None:
    chain = "".join(f"def f{n}(): f{n + 1}()\n" for n in range(5)) + "def f5(): raise ValueError\n"

    assert fingerprint(_caught(chain, "f0()")) == fingerprint(_caught(chain, "f1()"))
    assert fingerprint(_caught(chain, "f1()")) != fingerprint(_caught(chain, "f2()"))


@pytest.mark.parametrize(
    "foreign",
    [
        "/srv/venv/lib/python3.11/site-packages/broker/client.py",
        "/usr/lib/python3/dist-packages/broker/client.py",
        json.__file__,
        "<frozen importlib._bootstrap>",
        ErrorSample.of.__code__.co_filename,
    ],
    ids=["site-packages", "dist-packages", "standard library", "frozen", "this package"],
)
def test_frames_that_are_not_the_applications_are_left_out(foreign: str) -> None:
    library = "def inner(): raise ValueError\n"
    other = "def inner(): deeper()\ndef deeper(): raise ValueError\n"

    assert fingerprint(_caught(library, "inner()", foreign)) == fingerprint(
        _caught(other, "inner()", foreign)
    )


def test_a_recursion_is_known_by_what_goes_round_wherever_it_ends() -> None:
    source = """
def a(left):
    b(left - 1)

def b(left):
    c(left - 1)

def c(left):
    check(left)
    a(left - 1)

def check(left):
    if left <= 0:
        raise RecursionError
"""
    ends = {fingerprint(_caught(source, f"{start}({left})")) for start in "abc" for left in range(100, 130)}
    other = fingerprint(_caught("def a(left):\n    a(left - 1) if left else int('x' * left, [])", "a(100)"))

    assert 1 == len(ends)
    assert other not in ends


def test_without_a_frame_of_the_application_the_last_frame_counts() -> None:
    foreign = "/x/site-packages/broker.py"

    def only_foreign(source: str) -> BaseException:
        error = _caught(source, "inner()", foreign)
        assert error.__traceback__ is not None
        trimmed = error.__traceback__.tb_next
        assert trimmed is not None
        return error.with_traceback(trimmed.tb_next)

    raised = only_foreign("def inner(): raise ValueError\n")
    deeper = only_foreign("def inner(): deeper()\ndef deeper(): raise ValueError\n")

    assert fingerprint(raised) != fingerprint(deeper)


def test_the_root_cause_decides() -> None:
    def wrapped(outer: type[Exception]) -> BaseException:
        try:
            try:
                raise KeyError("x")
            except KeyError as error:
                raise outer from error
        except outer as error:
            return error

    assert fingerprint(wrapped(Boom)) == fingerprint(wrapped(Bang))


def test_a_suppressed_context_is_no_cause() -> None:
    with pytest.raises(Boom) as caught:
        try:
            raise KeyError("x")
        except KeyError:
            raise Boom from None

    assert "Boom" == ErrorSample.of(caught.value, "import", 0.0).type


def test_a_ring_of_causes_ends() -> None:
    first, second = Boom(), Bang()
    first.__cause__, second.__cause__ = second, first

    assert fingerprint(first)


def test_a_group_is_judged_by_its_leaves_in_any_order() -> None:
    one, two = Boom("a"), Bang("b")

    assert fingerprint(ExceptionGroup("g", [one, two])) == fingerprint(ExceptionGroup("g", [two, one]))
    assert fingerprint(ExceptionGroup("g", [one])) == fingerprint(one)


class Hostile(Exception):
    @property
    def __cause__(self) -> BaseException:  # type: ignore[override]  # deliberately hostile
        raise RuntimeError("no cause for you")

    def __str__(self) -> str:
        raise RuntimeError("no text for you")


def test_a_hostile_error_raises_nothing() -> None:
    sample = ErrorSample.of(Hostile(), "import", 1.0)

    assert ("unknown", "<unprintable>") == (sample.type, sample.message)
    assert 16 == len(sample.fingerprint)
    assert fingerprint(Hostile()) == fingerprint(Hostile())


def test_nothing_of_the_error_is_kept() -> None:
    error = _caught("class Big(Exception): pass\ndef f(): raise Big('x')\n", "f()")
    gone = weakref.ref(error)

    sample = ErrorSample.of(error, "import", 1.0)
    del error
    gc.collect()

    assert "Big" == sample.type
    assert gone() is None


@pytest.mark.parametrize(
    ("message", "scrubbed"),
    [
        ("row 17 of 23", "row N of N"),
        ("no user 'alice smith'", "no user S"),
        ('key "secret" and `other`', "key S and S"),
        ("got b'pass' instead", "got S instead"),
        (r"got 'it\'s' now", "got S now"),
        ("can't open, won't try", "can't open, won't try"),
        ("cut off in 'the midd", "cut off in S"),
        ("job 1b4e28ba-2fa1-11d2-883f-0016d3cca427 lost", "job H lost"),
        ("object at 0x7f3a1c", "object at H"),
        ("commit 9f2c44e1ab", "commit H"),
        ("task_9f2c44e1ab", "task_H"),
        ("a facade is defaced", "a facade is defaced"),
        ("amqp://guest:guest@broker/x", "amqp://S@broker/x"),
        ("two\n  lines", "two lines"),
        ("", ""),
    ],
)
def test_a_message_is_scrubbed(message: str, scrubbed: str) -> None:
    assert scrubbed == ErrorSample.of(Boom(message), "import", 0.0).message


def test_a_message_is_capped() -> None:
    assert 200 == len(ErrorSample.of(Boom("word " * 1_000_000), "import", 0.0).message)


@given(st.text())
def test_no_digit_survives(message: str) -> None:
    assert not any(c.isdecimal() for c in ErrorSample.of(Boom(message), "import", 0.0).message)
