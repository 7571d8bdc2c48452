"""The sink under a real loguru logger: what is shipped, what is not, and what other handlers see."""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from queue_telemetry._runtime import DropReason, guarded
from queue_telemetry.logs import LogSink, RecordBuffer, RecordBuilder, Redactor

Make = Callable[..., RecordBuffer]


class Unhelpful:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.fixture
def attach() -> Iterator[Callable[..., LogSink]]:
    handlers: list[int] = []

    def add(buffer: RecordBuffer, level: str = "INFO", context: Any = dict, accepts: Any = None) -> LogSink:
        builder = RecordBuilder({"service": "billing"}, context, Redactor())
        sink = LogSink(builder, buffer, accepts)
        handlers.append(sink.attach(logger, level))
        return sink

    yield add
    for handler in handlers:
        try:
            logger.remove(handler)
        except ValueError:
            continue  # the test removed it


def _records(buffer: RecordBuffer) -> list[dict[str, Any]]:
    buffer.seal()
    chunk = buffer.take()
    return (
        [] if chunk is None or chunk.data is None else [json.loads(line) for line in chunk.data.splitlines()]
    )


def test_a_record_becomes_one_line(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    attach(buffer, context=lambda: {"task_id": "7"})

    logger.warning("hello {}", "world")

    (record,) = _records(buffer)
    assert ("hello world", "WARNING", "7", "billing") == (
        record["message"],
        record["level"],
        record["task_id"],
        record["service"],
    )


def test_levels_below_are_not_shipped(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    attach(buffer, "WARNING")

    logger.info("x")

    assert 0 == buffer.read()[0].accepted


def test_records_that_the_owner_does_not_want_are_not_counted(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    attach(buffer, accepts=lambda record: record["message"] != "no")

    logger.info("no")
    logger.info("yes")

    assert ["yes"] == [record["message"] for record in _records(buffer)]


def test_records_of_telemetry_work_are_counted_and_not_shipped(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    sink = attach(buffer)

    with guarded():
        logger.info("x")

    assert (1, 0) == (sink.self_logs, buffer.read()[0].accepted)


def test_a_context_that_raises_costs_its_fields_not_the_record(
    make_buffer: Make, attach: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> dict[str, object]:
        raise RuntimeError("no context")

    buffer = make_buffer()
    sink = attach(buffer, context=broken)

    logger.info("still here")

    (record,) = _records(buffer)
    assert ("still here", "RuntimeError: no context") == (record["message"], record["serialization_error"])
    assert (1, "") == (sink.faults, capfd.readouterr().err)


def test_a_filter_that_raises_costs_nothing(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    attach(buffer, accepts=lambda record: record["nonsense"])

    logger.info("still here")

    assert ["still here"] == [record["message"] for record in _records(buffer)]


def test_a_value_that_cannot_be_shown_is_named(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    sink = attach(buffer)

    logger.bind(what=Unhelpful(), keys={(1, 2): "\ud800"}).info("x")

    (record,) = _records(buffer)
    assert ("<unprintable Unhelpful>", {"(1, 2)": "?"}) == (record["what"], record["keys"])
    assert 0 == sink.faults


class Unreadable(Mapping[str, object]):
    """A row whose session is closed."""

    def __getitem__(self, key: str) -> object:
        raise RuntimeError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("closed")

    def __len__(self) -> int:
        return 1


class Unbound:
    """As a proxy outside of its request: not even its class can be asked for."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("unbound")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("kind", [Unreadable, Unbound])
def test_a_value_that_raises_costs_nothing_else(make_buffer: Make, attach: Any, kind: type) -> None:
    buffer = make_buffer()
    sink = attach(buffer, context=lambda: {"task_id": "7"})

    try:
        raise ValueError("bad")
    except ValueError:
        logger.bind(row=kind(), order=8).exception("x")

    (record,) = _records(buffer)
    assert (f"<unreadable {kind.__name__}>", 8, "7") == (record["row"], record["order"], record["task_id"])
    assert ("bad", 0) == (record["error"]["message"], sink.faults)


def test_other_handlers_see_what_was_logged(make_buffer: Make, attach: Any) -> None:
    seen: list[Any] = []
    first = logger.add(lambda message: seen.append(message.record), level=0, format="")
    attach(make_buffer())
    last = logger.add(lambda message: seen.append(message.record), level=0, format="")
    login = {"password": "S", "rows": [1]}

    logger.bind(login=login, queue="q").info("x")

    logger.remove(first)
    logger.remove(last)
    assert [{"login": login, "queue": "q"}] * 2 == [record["extra"] for record in seen]
    assert {"password": "S", "rows": [1]} == login
    assert all(record["extra"]["login"] is login for record in seen)


class _Fault(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


class _Notes(Exception):
    @property
    def __notes__(self) -> Any:  # type: ignore[override]  # a library's may be anything
        raise RuntimeError("no")


def _chained() -> BaseException:
    error: BaseException = ValueError("root")
    for _ in range(5_000):
        effect = ValueError("x")
        effect.__cause__ = error
        error = effect
    return error


@pytest.mark.parametrize(
    "error",
    [_Fault(), _Notes("x"), _chained(), BaseExceptionGroup("g", [KeyboardInterrupt()])],
    ids=["text raises", "notes raise", "long chain", "group of an interrupt"],
)
def test_an_exception_that_loguru_cannot_format_is_shipped(
    make_buffer: Make, attach: Any, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    logger.remove()
    buffer = make_buffer()
    sink = attach(buffer)

    logger.opt(exception=error).error("failed")

    (record,) = _records(buffer)
    assert ("failed", 0, "") == (record["message"], sink.faults, capfd.readouterr().err)
    assert type(error).__name__ in record["error"]["stack"]


def test_what_is_logged_at_the_bottom_of_a_recursion_is_shipped(make_buffer: Make, attach: Any) -> None:
    """Where the stack is too short for loguru itself, the logger call raises as any call would."""
    buffer = make_buffer()
    attach(buffer)
    logged = [0]

    def down() -> None:
        try:
            down()
        except RecursionError:
            logger.bind(rows=[{"a": 1}]).exception("deep")
            logged[0] += 1
            raise

    with pytest.raises(RecursionError):
        down()

    assert logged[0] > 100
    assert logged[0] == buffer.read()[0].accepted


def test_a_record_from_within_another_is_shipped_too(make_buffer: Make, attach: Any) -> None:
    """A value's text is made by code that logs itself."""

    class Chatty:
        def __str__(self) -> str:
            logger.info("inner")
            return "chatty"

    buffer = make_buffer()
    attach(buffer)

    logger.bind(what=Chatty()).info("outer")

    assert ["inner", "outer"] == [record["message"] for record in _records(buffer)]


class _Appended:
    """A buffer that shows what it is given."""

    def __init__(self) -> None:
        self.severe: list[bool] = []

    def append(self, line: bytes, severe: bool = False) -> None:
        self.severe.append(severe)


def test_errors_and_worse_are_marked_as_severe(attach: Any) -> None:
    buffer = _Appended()
    attach(buffer, "TRACE")

    for level in ("DEBUG", "WARNING", "ERROR", "CRITICAL", 39, 41):
        logger.log(level, "x")

    assert [False, False, True, True, False, True] == buffer.severe


def test_a_record_that_a_patcher_left_incomplete_is_shipped(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    sink = attach(buffer)

    logger.patch(lambda record: record.pop("thread")).error("token={}", "S3CRET")  # type: ignore[arg-type, misc]  # it may

    (record,) = _records(buffer)
    assert ("token=[redacted]", "ERROR", "KeyError: 'thread'") == (
        record["message"],
        record["level"],
        record["serialization_error"],
    )
    assert 1 == sink.faults


class _Broken:
    """A buffer whose limits were set to something that cannot be compared."""

    def append(self, line: bytes, severe: bool = False) -> None:
        raise TypeError("not an int")


@pytest.mark.parametrize("salvaged", [False, True])
def test_a_record_that_cannot_be_kept_is_counted_and_not_printed(
    attach: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, salvaged: bool
) -> None:
    sink = attach(_Broken(), accepts=(lambda record: record["nonsense"]) if salvaged else None)
    logger.info("token={}", "S3CRET")

    assert "S3CRET" not in "".join(capfd.readouterr())
    assert (1 + salvaged) == sink.faults
    assert ["a record could not be kept for the collector: TypeError"] == caplog.messages


def test_a_handler_somebody_adds_with_our_sink_ships_too(make_buffer: Make) -> None:
    buffer = make_buffer()
    handler = logger.add(LogSink(RecordBuilder({}, dict, Redactor()), buffer))

    logger.info("x")
    logger.remove(handler)

    assert ["x"] == [record["message"] for record in _records(buffer)]


class _Lines:
    """A buffer that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def append(self, line: bytes, severe: bool = False) -> None:
        self.lines.append(bytes(line))


def _secret(name: str) -> st.SearchStrategy[object]:
    """Return ways to log a secret."""
    return st.sampled_from(
        [
            {name: "S3CRET"},
            {"a": [{name: {"b": "S3CRET"}}]},
            [(name, "S3CRET")],
            f"{name}=S3CRET",
            f'{{"{name}": "S3CRET"}}',
            ValueError(f"{name}: S3CRET"),
            {f"{name}=S3CRET": 1},
            "https://user:S3CRET@host/",
            [b"x", {"u": "redis://:S3CRET@h"}],
        ]
    )


_ODD = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(max_size=5),
    st.builds(Unhelpful),
    st.builds(Unreadable),
    st.builds(Unbound),
    st.builds(object),
    _secret("password"),
    _secret("X-Auth-Token"),
)
_EXTRA = st.dictionaries(
    st.text(st.characters()), st.recursive(_ODD, lambda inner: st.lists(inner, max_size=3)), max_size=5
)
_ERRORS = st.one_of(
    st.none(),
    st.builds(ValueError, st.text(st.characters())),
    st.builds(_Fault),
    st.builds(_Notes),
    st.just(ConnectionError("token='S3CRET'")),
    st.builds(lambda: ExceptionGroup("password=S3CRET", [KeyError("pwd: S3CRET"), _Fault()])),
)


@given(st.text(st.characters()), _EXTRA, _ERRORS)
def test_every_record_is_one_line_without_secrets_and_others_see_the_original(
    message: str, extra: dict[str, object], error: BaseException | None
) -> None:
    logger.remove()
    seen: list[Any] = []
    lines = _Lines()
    sink = LogSink(RecordBuilder({}, dict, Redactor()), lines)  # type: ignore[arg-type]  # as far as a sink goes
    handlers = [sink.attach(logger, "INFO"), logger.add(lambda it: seen.append(it.record), format="{level}")]
    try:
        source = logger.patch(lambda record: record["extra"].update(extra))
        source.opt(exception=error).log("ERROR", message.replace("{", "(").replace("}", ")"))
    finally:
        for handler in handlers:
            logger.remove(handler)

    (line,) = lines.lines
    assert (1, True) == (line.count(b"\n"), line.endswith(b"\n"))
    assert "ERROR" == json.loads(line)["level"]
    assert b"S3CRET" not in line
    assert 0 == sink.faults
    for record in seen:  # none where loguru itself could not format the exception
        assert [*extra.items()] == [*record["extra"].items()]
        assert all(record["extra"][key] is value for key, value in extra.items())


def test_removal_by_the_user_is_noted_and_can_be_mended(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    sink = attach(buffer)
    assert not sink.removed

    logger.remove()

    assert sink.removed
    handler = sink.attach(logger, "INFO")
    assert not sink.removed
    logger.info("back")
    logger.remove(handler)
    assert ["back"] == [record["message"] for record in _records(buffer)]


def test_the_buffer_may_be_replaced(make_buffer: Make, attach: Any) -> None:
    old, new = make_buffer(), make_buffer()
    sink = attach(old)

    sink.buffer = new
    logger.info("x")

    assert (0, 1) == (old.read()[0].accepted, new.read()[0].accepted)


def test_loguru_finds_nothing_to_call_after_each_record(make_buffer: Make) -> None:
    sink = LogSink(RecordBuilder({}, dict, Redactor()), make_buffer())

    assert not hasattr(sink, "flush")


def test_after_close_records_are_counted_as_closed(collector: Any, make_pipeline: Any, attach: Any) -> None:
    pipeline = make_pipeline(collector.url)
    attach(pipeline.buffer)
    logger.info("before")
    assert pipeline.close(5.0)

    logger.info("after")

    delivery = pipeline.delivery()
    assert (2, 1, {DropReason.CLOSED: 1}) == (delivery.accepted, delivery.delivered, delivery.dropped)


class _Intercept(logging.Handler):
    """The usual bridge from the stdlib's logging to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.log(record.levelname, record.getMessage())


def test_the_http_library_s_own_lines_never_cause_another_post(
    collector: Any, make_pipeline: Any, attach: Any
) -> None:
    root = logging.getLogger()
    bridge = _Intercept()
    level = root.level
    root.addHandler(bridge)
    root.setLevel(logging.DEBUG)
    pipeline = make_pipeline(collector.url)
    attach(pipeline.buffer, "TRACE")
    try:
        logger.info("one")
        assert collector.wait_for(1)
        assert pipeline.flush(5.0)
        posts = [pipeline.flush(5.0) and len(collector.requests) for _ in range(20)]
    finally:
        root.removeHandler(bridge)
        root.setLevel(level)
        pipeline.close(5.0)

    assert [1] * 20 == posts
    assert ["one"] == [json.loads(line)["message"] for line in collector.lines()]


def test_a_signal_handler_that_logs_in_the_middle_of_a_record_does_not_hang(
    collector: Any, pipeline_script: str
) -> None:
    script = f"""{pipeline_script}
import signal, sys
from loguru import logger
from queue_telemetry.logs import LogSink, RecordBuilder, Redactor
logger.remove()
pipeline = make_pipeline({collector.url!r})
LogSink(RecordBuilder({{}}, dict, Redactor()), pipeline.buffer).attach(logger, "INFO")
signal.signal(signal.SIGALRM, lambda *_: (pipeline.flush(0.0), pipeline.stats()))
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for number in range(3000):
    logger.info(number)
signal.setitimer(signal.ITIMER_REAL, 0)
sys.exit(0 if pipeline.close(5.0) and pipeline.delivery().delivered == 3000 else 1)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=15, check=False)

    assert (0, b"") == (ran.returncode, ran.stderr)


class _Limit(Exception):
    """Named below as the frameworks name theirs."""


@pytest.mark.parametrize("name", ["SoftTimeLimitExceeded", "JobTimeoutException", "TimeLimitExceeded"])
@pytest.mark.parametrize("where", ["context", "value", "text", "filter"])
def test_a_time_limit_that_comes_while_logging_ends_the_task_and_the_record_is_kept(
    make_buffer: Make, attach: Any, capfd: pytest.CaptureFixture[str], name: str, where: str
) -> None:
    limit = type("OfThisTask", (type(name, (_Limit,), {}),), {})

    def over(*_: object) -> Any:
        raise limit("time is over")

    def wait(*_: object) -> bool:
        signal.raise_signal(signal.SIGUSR1)
        return True

    class Slow(dict[str, object]):
        def items(self) -> Any:
            wait()

    class Lazy:
        def __str__(self) -> str:
            return str(wait())

    row = {"value": [Slow(a=1)], "text": [Lazy()]}.get(where, 1)
    buffer = make_buffer()
    attach(
        buffer,
        context=(lambda: {"waited": wait()}) if where == "context" else dict,
        accepts=wait if where == "filter" else None,
    )
    before = signal.signal(signal.SIGUSR1, over)
    try:
        with pytest.raises(limit):
            logger.bind(row=row).error("still here")
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert ["still here"] == [record["message"] for record in _records(buffer)]
    assert "" == capfd.readouterr().err


@pytest.mark.parametrize("change", [lambda record: record.pop("level"), lambda it: it.update(level="INFO")])
def test_a_record_whose_level_loguru_cannot_read_is_counted(
    make_buffer: Make, attach: Any, capfd: pytest.CaptureFixture[str], change: Any
) -> None:
    """Loguru reads the level before it calls any sink, and says so itself."""
    sink = attach(make_buffer())

    logger.patch(change).info("x")

    assert 1 == sink.faults
    assert "Logging error in Loguru Handler" in capfd.readouterr().err


@pytest.mark.parametrize("level", [None, "ERROR"])
def test_a_record_without_a_level_is_taken(make_buffer: Make, attach: Any, level: object) -> None:
    buffer = make_buffer()
    sink = attach(buffer)
    seen: list[Any] = []
    handler = logger.add(lambda message: seen.append(message.record), level=0, format="")
    logger.debug("still here")
    logger.remove(handler)
    (record,) = seen
    if level is None:
        del record["level"]
    else:
        record["level"] = level

    sink.take(record)

    assert ["still here"] == [record["message"] for record in _records(buffer)]
    assert 1 == sink.faults


def test_a_secret_that_cannot_be_asked_what_it_is_is_hidden(make_buffer: Make, attach: Any) -> None:
    buffer = make_buffer()
    sink = attach(buffer)

    logger.bind(password=Unbound()).info("x")

    (record,) = _records(buffer)
    assert ("[redacted]", 0) == (record["password"], sink.faults)
