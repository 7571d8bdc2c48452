"""The demo's jobs are the same each time, of every type, and some of them fail."""

import random

from queue_telemetry.cli._jobs import TYPES, Broker, Job, draft_jobs


def test_a_seed_always_drafts_the_same_jobs() -> None:
    assert list(draft_jobs(100, random.Random(1))) == list(draft_jobs(100, random.Random(1)))


def test_every_type_and_every_fate_occurs() -> None:
    jobs = list(draft_jobs(500, random.Random(1)))

    assert set(TYPES) == {job.type for job in jobs}
    assert {0, 1, 2} == {job.faults for job in jobs}
    assert {True, False} == {job.doomed for job in jobs}


def test_the_work_is_short() -> None:
    assert all(0 < job.work_s <= 0.05 for job in draft_jobs(1000, random.Random(1)))


def test_a_broker_gives_back_what_it_was_given_and_none_in_time() -> None:
    broker = Broker()
    broker.push(Job("send_email", 0.0))

    assert 1 == broker.depth()
    assert Job("send_email", 0.0) == broker.pop(timeout_s=0)
    assert broker.pop(timeout_s=0) is None
