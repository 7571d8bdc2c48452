"""Tracebacks as text: whole where they are usual, bounded where they are not, whatever an exception does."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from loguru import logger

from queue_telemetry.logs._stack import class_name, stack_of


def _caught(function: Callable[[], object]) -> Exception:
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def _stack(error: BaseException) -> str:
    return stack_of(error, error.__traceback__)


def _raise(error: BaseException, cause: BaseException | None = None) -> None:
    raise error from cause


def test_it_reads_as_a_traceback_does() -> None:
    here = sys._getframe().f_lineno
    error = _caught(lambda: _raise(ValueError("bad")))
    raised_line = _raise.__code__.co_firstlineno + 1

    assert [
        "Traceback (most recent call last):",
        f'  File "{__file__}", line {_caught.__code__.co_firstlineno + 2}, in _caught',
        "    function()",
        f'  File "{__file__}", line {here + 1}, in <lambda>',
        '    error = _caught(lambda: _raise(ValueError("bad")))',
        f'  File "{__file__}", line {raised_line}, in _raise',
        "    raise error from cause",
        "ValueError: bad",
    ] == _stack(error).split("\n")


def test_a_message_of_nothing_leaves_the_name() -> None:
    assert "ValueError" == _stack(ValueError())


def test_the_cause_stands_before_its_effect() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as outer:
        stack = _stack(outer)

    assert stack.index("KeyError: 'inner'") < stack.index("direct cause") < stack.index("ValueError: outer")


def test_the_context_stands_before_what_happened_in_it() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")
    except ValueError as outer:
        stack = _stack(outer)

    assert (
        stack.index("KeyError: 'inner'") < stack.index("During handling") < stack.index("ValueError: outer")
    )


def test_a_suppressed_context_is_left_out() -> None:
    def suppress() -> None:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer") from None

    assert "inner'" not in _stack(_caught(suppress))


def test_a_ring_of_causes_ends() -> None:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one

    assert 1 == _stack(one).count("ValueError: one")


def test_of_a_long_chain_the_latest_stay() -> None:
    error: BaseException = ValueError("root")
    for number in range(5_000):
        effect = ValueError(f"number {number}")
        effect.__cause__ = error
        error = effect
    stack = _stack(error)

    assert stack.startswith("[earlier exceptions cut]\n")
    assert stack.endswith("ValueError: number 4999")
    assert 64 == stack.count("ValueError: number")


def test_notes_follow_the_message() -> None:
    error = ValueError("bad")
    error.add_note("first\nnote")
    error.add_note("second")

    assert "ValueError: bad\nfirst\nnote\nsecond" == _stack(error)


def test_a_recursion_is_folded() -> None:
    def down() -> None:
        down()

    stack = _stack(_caught(down))

    assert "more times]" in stack
    assert stack.count("    down()") <= 4
    assert len(stack) < 5_000


def test_of_a_recursion_of_two_both_ends_are_shown() -> None:
    def ping() -> None:
        pong()

    def pong() -> None:
        ping()

    stack = _stack(_caught(ping))

    assert "frames cut]" in stack
    assert stack.count("  File ") <= 100


def test_a_group_shows_its_leaves_and_theirs() -> None:
    inner = ExceptionGroup("inner", [TypeError("deep")])
    group = _caught(
        lambda: _raise(ExceptionGroup("outer", [_caught(lambda: _raise(ValueError("a"))), inner]))
    )

    stack = _stack(group)

    assert stack.startswith("Exception Group Traceback (most recent call last):")
    assert "\n  +---------------- 1 ----------------\n  | Traceback (most recent call last):" in stack
    assert "\n  | ValueError: a" in stack
    assert "\n  | ExceptionGroup: inner (1 sub-exception)" in stack
    assert "\n  |   | TypeError: deep" in stack


def test_a_group_that_holds_an_interrupt_shows_its_leaves() -> None:
    assert "| KeyboardInterrupt" in _stack(BaseExceptionGroup("g", [KeyboardInterrupt()]))


def test_of_a_large_group_some_leaves_are_shown() -> None:
    stack = _stack(ExceptionGroup("g", [ValueError(number) for number in range(1_000)]))

    assert "| and 985 more exceptions" in stack
    assert 15 == stack.count("| ValueError:")


def test_groups_in_groups_end() -> None:
    group: Exception = ValueError("leaf")
    for _ in range(400):
        group = ExceptionGroup("g", [group])

    assert "exceptions deeper]" in _stack(group)


def test_a_syntax_error_shows_its_place() -> None:
    stack = _stack(_caught(lambda: compile("a b", "/x.py", "exec")))

    assert '  File "/x.py", line 1\n    a b' in stack


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


class UnreadableNotes(Exception):
    @property
    def __notes__(self) -> Any:  # type: ignore[override]  # a library's may be anything
        raise RuntimeError("no")


class UnreadableCause(Exception):
    @property
    def __cause__(self) -> Any:  # type: ignore[override]  # the same
        raise RuntimeError("no")


class UnreadableLeaves(ExceptionGroup[Exception]):
    @property
    def exceptions(self) -> Any:
        raise RuntimeError("no")


class NamelessMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "__qualname__":
            raise RuntimeError("no")
        return super().__getattribute__(name)


class Nameless(Exception, metaclass=NamelessMeta):
    pass


def _noted(notes: object) -> BaseException:
    error = ValueError("bad")
    error.__notes__ = notes  # type: ignore[assignment]  # whatever a library puts there
    return error


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (Unprintable(), "Unprintable: <unprintable Unprintable>"),
        (UnreadableNotes("x"), "UnreadableNotes: x\n[notes cannot be read]"),
        (UnreadableCause("x"), "UnreadableCause: x"),
        (UnreadableLeaves("x", [ValueError()]), f"UnreadableLeaves: x (1 sub-exception)\n  +{'-' * 35}"),
        (Nameless("x"), "exception: x"),
        (_noted([Unprintable(), 7]), "ValueError: bad\n<unprintable Unprintable>\n7"),
        (_noted("a text"), "ValueError: bad\na text"),
        (_noted(list(range(100))), "\n[84 more notes]"),
        (
            SyntaxError("bad", ("f", "x", "y", "z")),  # type: ignore[arg-type]
            "SyntaxError",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_exception_that_misbehaves_is_told_all_the_same(error: BaseException, ending: str) -> None:
    assert _stack(error).endswith(ending)


def test_values_of_variables_are_not_shown() -> None:
    def call(secret: str) -> None:
        raise ValueError("bad")

    value = f"hunter{2}"
    stack = _stack(_caught(lambda: call(value)))

    assert "hunter2" not in stack


def test_a_module_without_source_is_shown_without() -> None:
    namespace: dict[str, Any] = {"__name__": "gone", "__loader__": object()}
    exec(compile("def f():\n    raise ValueError('x')", "/nowhere/gone.py", "exec"), namespace)

    assert '  File "/nowhere/gone.py", line 2, in f\nValueError: x' in _stack(_caught(namespace["f"]))


def test_loguru_s_own_frames_are_left_out_and_the_caller_shown() -> None:
    stacks: list[str] = []

    @logger.catch(level="TRACE", onerror=lambda error: stacks.append(_stack(error)))
    def guarded() -> None:
        raise ValueError("bad")

    guarded()
    (stack,) = stacks

    assert "catch_wrapper" not in stack
    assert "in test_loguru_s_own_frames_are_left_out_and_the_caller_shown\n    guarded()" in stack


def test_a_traceback_that_cannot_be_read_costs_itself_only() -> None:
    class Globals(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("no")

    namespace = Globals(__name__="odd")
    exec(compile("def f():\n    raise ValueError('x')", "/nowhere/odd.py", "exec"), namespace)

    assert "[the traceback cannot be read: RuntimeError]" == _stack(_caught(namespace["f"]))


def test_frames_alone_are_shown_where_there_is_no_exception() -> None:
    trace = _caught(lambda: _raise(ValueError())).__traceback__

    assert stack_of(None, trace).startswith(f'  File "{__file__}"')


def test_a_class_is_named_as_tracebacks_do() -> None:
    assert ("ValueError", f"{__name__}.Unprintable") == (class_name(ValueError), class_name(Unprintable))
