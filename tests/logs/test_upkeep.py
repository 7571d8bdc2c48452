"""Between requests: what is spilled in trouble, adopted in peace, and told of losses."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry._runtime import Clock, DropReason
from queue_telemetry.logs._answer import Answer, Failure

Make = Callable[..., Any]

_DOWN = Answer(None, Failure.CONNECT)


def _tell(dropped: Mapping[str, int], from_s: float, to_s: float) -> bytes:
    told = {"event": "telemetry_loss", "dropped": dropped, "from": from_s, "to": to_s}
    return json.dumps(told).encode() + b"\n"


def _on_disk(buffer: Any) -> int:
    return sum(chunk.records for chunk in buffer.history.chunks if chunk.disk is not None)


def test_what_waits_is_written_once_an_attempt_failed(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any
) -> None:
    spool = make_spool()
    buffer = make_buffer(batch_bytes=4, spool=spool)
    shipper = make_shipper(buffer, spool=spool)
    for line in (b"aaa\n", b"bbb\n"):
        buffer.append(line)
    list_sender.answers = [_DOWN]
    shipper.step()
    assert 0 == _on_disk(buffer)

    shipper.step()

    assert 2 == _on_disk(buffer)


def test_while_it_fails_a_new_record_is_written_when_its_time_to_linger_is_over(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any, manual_clock: Any
) -> None:
    spool = make_spool()
    buffer = make_buffer(linger_s=1.0, spool=spool)
    shipper = make_shipper(buffer, spool=spool)
    list_sender.answers = [Answer(503, retry_after_s=600)]
    buffer.append(b"aaa\n")
    manual_clock.advance(1)
    shipper.step()
    buffer.append(b"bbb\n")
    assert 1.0 == shipper.step(), "not the ten minutes"

    manual_clock.advance(1)
    shipper.step()

    assert 2 == _on_disk(buffer)


def test_what_a_dead_process_left_is_delivered(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any
) -> None:
    left = make_buffer(spool=make_spool(), writes_ahead=True)
    left.append(b"left\n")
    left.abandon()
    left._accounts.spool.close()
    spool = make_spool()
    buffer = make_buffer(spool=spool)
    shipper = make_shipper(buffer, spool=spool)

    while shipper.step() == 0:
        pass

    delivery = shipper.delivery()
    assert ([b"left\n"], 1, 1) == (list_sender.bodies, delivery.adopted, delivery.delivered)


def test_what_a_dead_process_left_counts_as_adopted_segment_by_segment(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any
) -> None:
    """So at first a process says of few records that it adopted them, however many it delivers in the end."""
    left = make_buffer(spool=make_spool(max_bytes=8 * 64 * 1024), writes_ahead=True)
    for number in range(120):
        left.append(b"%04d" % number + b"x" * 995 + b"\n")
    left._accounts.spool.close()
    spool = make_spool()
    buffer = make_buffer(spool=spool, batch_bytes=100_000)
    shipper = make_shipper(buffer, spool=spool)

    adopted = []
    while shipper.step() == 0:
        adopted.append(shipper.delivery().adopted)

    assert [64, 120] == sorted(set(adopted))
    assert (120, 0, 120) == (
        shipper.delivery().delivered,
        shipper.delivery().accepted,
        len(b"".join(list_sender.bodies).splitlines()),
    )


def test_it_looks_for_the_dead_each_minute(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any, manual_clock: Any
) -> None:
    spool = make_spool()
    shipper = make_shipper(make_buffer(spool=spool), spool=spool)
    assert 60.0 == shipper.step()
    left = make_buffer(spool=make_spool(), writes_ahead=True)
    left.append(b"left\n")
    left.abandon()
    left._accounts.spool.close()
    shipper.step()
    assert [] == list_sender.bodies

    manual_clock.advance(60)
    while shipper.step() == 0:
        pass

    assert [b"left\n"] == list_sender.bodies


def test_nothing_is_adopted_while_the_collector_fails(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any
) -> None:
    left = make_buffer(spool=make_spool(), writes_ahead=True)
    left.append(b"left\n")
    left.abandon()
    left._accounts.spool.close()
    spool = make_spool()
    buffer = make_buffer(spool=spool, linger_s=0)
    shipper = make_shipper(buffer, spool=spool)
    shipper._courier.schedule.failed(1000.0)

    shipper.step()

    assert 0 == shipper.delivery().adopted


@pytest.mark.parametrize("kept", [b"", b"kept\n"], ids=["nothing whole", "one whole"])
def test_what_is_damaged_of_what_a_dead_process_left_counts_as_adopted_and_dropped(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any, tmp_path: Path, kept: bytes
) -> None:
    _leave(make_spool, b"bad\nbad\n", *([kept] if kept else []))
    (segment,) = tmp_path.rglob("*.seg")
    segment.write_bytes(segment.read_bytes().replace(b"bad", b"odd"))
    spool = make_spool()
    shipper = make_shipper(make_buffer(spool=spool), spool=spool, make_loss_record=_tell)

    for _ in range(3):
        shipper.step()

    delivery = shipper.delivery()
    assert (bool(kept) + 2, bool(kept)) == (delivery.adopted, delivery.delivered)
    assert ({DropReason.DAMAGED: 2}, []) == (delivery.dropped, list(tmp_path.rglob("*.seg")))
    assert (1, delivery.pending) == (delivery.accepted, 1), "the record that tells of it"


def _leave(make_spool: Make, *frames: bytes) -> None:
    """Leave a spool as a process does that is killed while the collector is down."""
    left = make_spool()
    for lines in frames:
        assert left.write(lines, lines.count(b"\n"))
    left.close()


def _segment_bytes(folder: Path) -> int:
    return sum(segment.stat().st_size for segment in folder.rglob("*.seg"))


@pytest.mark.parametrize("failures", [0, 1], ids=["before the first attempt", "while it fails"])
def test_what_a_crash_loop_leaves_during_an_outage_stays_within_the_limit_of_the_disk(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any, tmp_path: Path, failures: int
) -> None:
    for process in range(40):  # more than are held at a time
        _leave(make_spool, (b"%04d" % process + b"x" * 995 + b"\n") * 10)
    spool = make_spool(max_bytes=150_000)
    shipper = make_shipper(make_buffer(spool=spool), spool=spool)
    list_sender.answers = [_DOWN] * 9
    if failures:
        shipper._courier.schedule.failed(1000.0)

    shipper.step()

    assert _segment_bytes(tmp_path) <= 150_000
    delivery, held, _ = shipper.buffer.read()
    assert 250 <= delivery.dropped[DropReason.SPOOL_FULL] <= 270, "no more than is needed"
    assert delivery.adopted == delivery.dropped[DropReason.SPOOL_FULL] + held
    assert held <= 20, "what goes does not wait until all is taken over: the next crash may come first"


def test_of_too_much_the_oldest_goes(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any, manual_clock: Any
) -> None:
    for process in range(4):
        _leave(make_spool, b"%d" % process + b"x" * 50_000 + b"\n")
        manual_clock.advance(1)
    spool = make_spool(max_bytes=120_000)
    shipper = make_shipper(make_buffer(spool=spool), spool=spool)

    while shipper.step() == 0:
        pass

    assert [b"2", b"3"] == [body[:1] for body in list_sender.bodies]
    assert {DropReason.SPOOL_FULL: 2} == shipper.delivery().dropped


def test_own_records_displace_older_ones_of_the_dead(
    make_buffer: Make, make_spool: Make, make_shipper: Make, list_sender: Any, manual_clock: Any
) -> None:
    _leave(make_spool, b"old" + b"x" * 50_000 + b"\n")
    manual_clock.advance(1)
    spool = make_spool(max_bytes=120_000)
    buffer = make_buffer(spool=spool, batch_bytes=40_000)
    shipper = make_shipper(buffer, spool=spool)
    list_sender.answers = [_DOWN, _DOWN]
    for name in (b"1", b"2", b"3"):
        buffer.append(name + b"x" * 39_000 + b"\n")
    shipper.step()
    assert 1 == shipper.delivery().adopted

    shipper.step()

    assert {DropReason.SPOOL_FULL: 1} == shipper.delivery().dropped
    assert 0 == buffer.adopted_chunks


def test_what_waits_for_another_destination_is_said_once(
    make_buffer: Make,
    make_spool: Make,
    make_shipper: Make,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead = tmp_path / "spool" / "0123456789abcdef" / "1-1-a"
    dead.mkdir(parents=True)
    for folder in (dead.parent, dead.parent.parent):
        folder.chmod(0o700)
    (dead / "0000000000000001.seg").write_bytes(b"x" * 70)
    spool = make_spool()
    shipper = make_shipper(make_buffer(spool=spool), spool=spool)

    for _ in range(2):
        shipper.step()
        monkeypatch.setattr("queue_telemetry._runtime.log._last", {})

    assert [
        "the spool holds 70 bytes of log records for another LOG_URL or LOG_FORMAT, which nobody sends"
    ] == caplog.messages


def test_one_record_tells_of_losses_once_they_are_over(
    make_buffer: Make, make_shipper: Make, list_sender: Any, manual_clock: Any
) -> None:
    buffer = make_buffer(max_bytes=8, batch_bytes=4, linger_s=0)
    shipper = make_shipper(buffer, make_loss_record=_tell)
    list_sender.answers = [_DOWN]
    buffer.append(b"aaa\n")
    shipper.step()
    for _ in range(5):
        manual_clock.advance(1)
        buffer.append(b"bbb\n")
    buffer._easy_bytes = 10_000
    began_s = 1_700_000_000.0 + 1002
    assert [] == [body for body in list_sender.bodies if b"loss" in body]

    for _ in range(10):
        manual_clock.advance(1)
        shipper.step()

    told = [json.loads(body) for body in list_sender.bodies if b"loss" in body]
    assert [
        {"event": "telemetry_loss", "dropped": {"overflow": 4}, "from": began_s, "to": began_s + 3}
    ] == told


def test_a_loss_that_goes_on_is_told_once_a_minute(
    make_buffer: Make, make_shipper: Make, list_sender: Any, manual_clock: Any
) -> None:
    buffer = make_buffer(batch_bytes=4, linger_s=0)
    shipper = make_shipper(buffer, make_loss_record=_tell)
    for _ in range(120):
        list_sender.answers = [Answer(400)]
        for line in (b"bad\n", b"odd\n"):
            buffer.append(line)
        for _ in range(4):
            shipper.step()
        manual_clock.advance(1)

    told = [json.loads(body)["dropped"] for body in list_sender.bodies if b"loss" in body]
    assert [{"rejected": 1}, {"rejected": 59}] == told


def test_losses_are_told_of_before_the_end(make_buffer: Make, make_shipper: Make, list_sender: Any) -> None:
    buffer = make_buffer(max_bytes=1000, linger_s=0)
    shipper = make_shipper(buffer, make_loss_record=_tell)
    buffer.append(b"x" * 2000 + b"\n")

    assert shipper.close(5.0)

    assert {"overflow": 1} == json.loads(list_sender.bodies[0])["dropped"]
    assert {DropReason.OVERFLOW: 1} == shipper.delivery().dropped


def test_the_record_that_tells_of_losses_outlives_the_next_outage(
    make_buffer: Make, make_shipper: Make, list_sender: Any
) -> None:
    buffer = make_buffer(max_bytes=400, batch_bytes=100)
    shipper = make_shipper(buffer, make_loss_record=_tell)
    for _ in range(10):
        buffer.append(b"x" * 49 + b"\n")
    list_sender.answers = [_DOWN] * 9
    shipper.step()
    for _ in range(20):
        buffer.append(b"y" * 49 + b"\n")

    while buffer.read()[1]:
        shipper._courier.schedule.hurry(last_chance=True)
        shipper.step()
        buffer.seal()

    assert any(b"telemetry_loss" in body for body in list_sender.bodies)


def test_the_wall_clock_set_forward_makes_no_own_record_old(make_buffer: Make) -> None:
    wall = [1_000.0]
    buffer = make_buffer(max_age_s=3600, clock=Clock(lambda: 0.0, lambda: wall[0]))
    buffer.append(b"new\n")
    buffer.seal()

    wall[0] += 86_400

    assert buffer.take() is not None
