"""Forks: a child starts empty and by itself, the parent notices nothing, and nothing is told twice."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.testing import Collector, StatsdServer

RunScript = Callable[..., Any]


def _messages(collector: Collector) -> Counter[str]:
    return Counter(str(record["message"]) for record in collector.records)


@pytest.mark.parametrize("children", [50, pytest.param(200, marks=pytest.mark.acceptance)])
def test_children_of_a_busy_parent_hang_never_and_deliver_exactly_their_own(
    run_script: RunScript, statsd: StatsdServer, collector: Collector, children: int
) -> None:
    """Four threads record and log while the main thread forks; each child does the same, flushes and ends."""
    ended = run_script(
        f"""
        CHILDREN = {children}
        qt.health()  # the sink is there from the first operation on
        stop, done = threading.Event(), [0] * 4

        @qt.task("work")
        def work(who):
            qt.counter("seen", who=who).increment()
            logger.info("of " + who)

        def busy(index):
            while not stop.is_set() and done[index] < 400:
                work("parent")
                done[index] += 1
                stop.wait(0.001)

        threads = [threading.Thread(target=busy, args=(index,)) for index in range(4)]
        for thread in threads: thread.start()
        codes, pids = [], []
        for number in range(CHILDREN):
            pid = os.fork()
            if not pid:
                work("child")
                flushed = qt.flush(10.0)
                closed = qt.close(10.0)
                os._exit(0 if flushed and closed else 1)
            pids.append(pid)
            if len(pids) >= 8:
                codes.append(os.waitpid(pids.pop(0), 0)[1])
        codes += [os.waitpid(pid, 0)[1] for pid in pids]
        stop.set()
        for thread in threads: thread.join()
        say(closed=qt.close(10.0), bad=[code for code in codes if code], parent=sum(done), children=CHILDREN)
        """,
        task_logs="none",
    ).said[0]

    seen = {"parent": ended["parent"], "child": ended["children"]}
    total = sum(seen.values())
    assert (True, []) == (ended["closed"], ended["bad"])
    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed", type="work") >= total)
    assert seen == {who: statsd.counter("seen", who=who) for who in seen}
    assert [total] * 3 == [
        statsd.counter("queue.tasks.started"),
        statsd.counter("queue.tasks.completed"),
        statsd.timing_count("queue.task.duration_seconds"),
    ]
    assert {"of parent": ended["parent"], "of child": ended["children"]} == _messages(collector)
    assert [] == statsd.refused


def test_what_the_parent_has_pending_stays_the_parents(
    run_script: RunScript, statsd: StatsdServer, collector: Collector
) -> None:
    """Cells, aggregated lines and buffered records, none of them sent yet when it forks."""
    ended = run_script(
        """
        qt.counter("mails").increment(5)
        qt.flush()
        qt.counter("mails").increment(7)
        qt.gauge("pool").set(3)
        logger.info("of the parent")
        pid = os.fork()
        if not pid:
            say(flush=qt.flush(), health=[qt.health().completed_1h, list(qt.health().errors)],
                totals=dict(qt.counter.__self__._stats.snapshot().totals), logs=qt.health().telemetry["logs"]["accepted"])
            qt.close()
            os._exit(0)
        os.waitpid(pid, 0)
        say(closed=qt.close())
        """,
        statsd_flush_interval_s=10,
        log_linger_s=60,
    )

    assert [{"flush": True, "health": [0, []], "totals": {}, "logs": 0}, {"closed": True}] == ended.said
    assert statsd.wait_until(lambda: statsd.counter("mails") == 12)
    assert {"of the parent": 1} == _messages(collector)


def test_a_child_that_only_logs_ships_its_record(run_script: RunScript, collector: Collector) -> None:
    run_script(
        """
        qt.health()
        pid = os.fork()
        if not pid:
            logger.info("of the child")
            qt.flush(10)
            os._exit(0)
        os.waitpid(pid, 0)
        """
    )

    assert {"of the child": 1} == _messages(collector)


def test_what_a_child_loses_before_it_can_start_is_in_its_accounts(
    run_script: RunScript, collector: Collector
) -> None:
    """What it logs meanwhile is held up to a bound."""
    ended = run_script(
        """
        qt.health()
        telemetry = qt.counter.__self__
        pid = os.fork()
        if not pid:
            def fail(_): raise OSError("Too many open files")
            telemetry._build = fail
            for number in range(5000): logger.info("{:050}", number)
            early = qt.health().telemetry["logs"]
            del telemetry._build
            telemetry._start_again_at_s = 0.0
            logger.info("last")
            flushed, late = qt.flush(10), qt.health().telemetry["logs"]
            keys = "accepted", "delivered", "dropped", "pending"
            say(flushed=flushed, early=[early[key] for key in keys], late=[late[key] for key in keys])
            os._exit(0)
        os.waitpid(pid, 0)
        """,
        quiet=False,
    )

    said = ended.said[0]
    accepted, delivered, dropped, pending = said["early"]
    lost = dropped["overflow"]
    assert (5000, 0, 5000) == (accepted, delivered, lost + pending)
    assert lost > 0
    # the one that starts it, and the record that tells of the losses
    assert [True, [5002, 5002 - lost, dropped, 0]] == [said["flushed"], said["late"]]
    assert [dropped] == [record["dropped"] for record in collector.records if "dropped" in record]


def test_first_events_of_a_childs_threads_are_all_its_own(
    run_script: RunScript, statsd: StatsdServer, collector: Collector
) -> None:
    """While one thread empties the cells of what is the parent's, the others' first events must not go with it."""
    ended = run_script(
        """
        counters = [qt.counter("mails", number=number) for number in range(900)]
        def parents():
            for counter in counters: counter.increment()
        parents()
        def first(together):
            counter = counters[0]
            together.wait()
            counter.increment()
            logger.info("first")
        for _ in range(5):
            pid = os.fork()
            if not pid:
                sys.setswitchinterval(1e-5)
                together = threading.Barrier(8)
                threads = [threading.Thread(target=first, args=(together,)) for _ in range(8)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                say(closed=qt.close(10.0))
                os._exit(0)
            os.waitpid(pid, 0)
        qt.close()
        """
    )

    assert [{"closed": True}] * 5 == ended.said
    assert statsd.wait_until(lambda: statsd.counter("mails", number="0") == 41)
    assert 940 == statsd.counter("mails")
    assert {"first": 40} == _messages(collector)


@pytest.mark.parametrize("ending", ["raise SystemExit(0)", "raise ValueError", "return"])
def test_a_fork_inside_a_task_leaves_the_run_to_the_parent(
    run_script: RunScript, statsd: StatsdServer, ending: str
) -> None:
    """The child comes out of the handler too, awake and with its own outputs."""
    run_script(
        f"""
        sys.excepthook = lambda *_: None

        @qt.task("outer")
        def outer():
            pid = os.fork()
            if not pid:
                qt.counter("in_child").increment()
                {ending}
            os.waitpid(pid, 0)

        outer()
        """,
        task_logs="none",
    )

    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed", type="outer") >= 1)
    assert 1 == statsd.counter("in_child")
    names = ("claimed", "started", "completed", "failed")
    assert [1, 1, 1, 0] == [statsd.counter(f"queue.tasks.{name}") for name in names]


def test_a_fork_while_a_post_hangs_does_not_wait_for_it(
    run_script: RunScript, statsd: StatsdServer, collector: Collector
) -> None:
    collector.answer(200, delay_s=1.5)
    ended = run_script(
        """
        qt.health()
        logger.info("of the parent")
        while qt.counter.__self__._outputs._logs.buffer.history.in_flight is None: time.sleep(0.005)
        began = time.monotonic()
        pid = os.fork()
        if not pid:
            qt.counter("mails").increment()
            logger.info("of the child")
            say(closed=qt.close(5.0), seconds=time.monotonic() - began)
            os._exit(0)
        forked = time.monotonic() - began
        os.waitpid(pid, 0)
        say(forked=forked)
        qt.close(10.0)
        """
    ).said

    assert ended[0]["closed"]
    assert ended[0]["seconds"] < 1.4
    assert ended[1]["forked"] < 1.0
    assert {"of the parent": 1, "of the child": 1} == _messages(collector)


@pytest.mark.parametrize(
    "method", ["fork", "spawn", pytest.param("forkserver", marks=pytest.mark.acceptance)]
)
def test_children_of_multiprocessing_flush_at_their_end(
    run_script: RunScript, statsd: StatsdServer, collector: Collector, method: str
) -> None:
    run_script(
        f"""
        import multiprocessing

        @qt.task("work")
        def work():
            logger.info("working")

        if __name__ == "__main__":
            work()
            context = multiprocessing.get_context("{method}")
            child = context.Process(target=work)
            child.start()
            child.join()
        """,
        task_logs="none",
    )

    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 2)
    assert {"working": 2} == _messages(collector)


@pytest.mark.parametrize("ending", ["sys.exit()", "raise KeyboardInterrupt"])
def test_a_forked_child_flushes_at_its_end_however_that_comes(
    run_script: RunScript, statsd: StatsdServer, collector: Collector, ending: str
) -> None:
    run_script(
        f"""
        qt.counter("mails").increment()
        pid = os.fork()
        if not pid:
            sys.excepthook = lambda *_: None
            qt.counter("mails").increment()
            logger.info("of the child")
            {ending}
        else:
            os.waitpid(pid, 0)
        """
    )

    assert statsd.wait_until(lambda: statsd.counter("mails") == 2)
    assert {"of the child": 1} == _messages(collector)


def test_grandchildren_deliver_their_own(
    run_script: RunScript, statsd: StatsdServer, collector: Collector
) -> None:
    run_script(
        """
        def descend(depth):
            qt.counter("mails", depth=depth).increment()
            logger.info("at {}", depth)
            if depth < 3:
                pid = os.fork()
                if not pid:
                    descend(depth + 1)
                    sys.exit()
                os.waitpid(pid, 0)
        descend(0)
        """
    )

    assert statsd.wait_until(lambda: statsd.counter("mails") == 4)
    assert {f"at {depth}": 1 for depth in range(4)} == _messages(collector)


def test_processes_that_live_together_have_slots_of_their_own(run_script: RunScript) -> None:
    """So that the gauges of one never overwrite those of another, and each sets its own to 0 at its end.

    What they tell of their health is added up.
    """
    with StatsdServer(dialect="statsd") as plain:
        ended = run_script(
            """
            ready, go = os.pipe(), os.pipe()
            pids = []
            for slots in (10, 100):
                pid = os.fork()
                if not pid:
                    with qt.worker("w", slots=slots):
                        qt.counter("mails").increment()
                        qt.flush()
                        os.write(ready[1], b".")
                        os.read(go[0], 1)
                        os._exit(0)  # as if killed: its gauges stay as they were
                pids.append(pid)
            with qt.worker("w", slots=1):
                qt.counter("mails").increment()
                for _ in pids: os.read(ready[0], 1)
                qt.flush()
                say(total=qt.health().slots.total)
                os.write(go[1], b"..")
                for pid in pids: os.waitpid(pid, 0)
            """,
            statsd_port=plain.port,
            statsd_dialect="statsd",
            statsd_flush_interval_s=10,
        ).said

        names = [name for name in plain.names if name.startswith("queue.worker.slots.total.")]
        assert [{"total": 111}] == ended
        assert ["0", "1", "2"] == [name.rpartition(".")[2] for name in names]
        assert {10, 100, 0} == {plain.gauge(name) for name in names}


def test_forks_cost_the_parent_little(run_script: RunScript) -> None:
    """No lock is taken before a fork, whatever there is in the cells."""
    ended = run_script(
        """
        for number in range(1000): qt.counter("mails", number=number).increment()
        qt.health()
        began = time.monotonic()
        for _ in range(20):
            pid = os.fork()
            if not pid: os._exit(0)
            os.waitpid(pid, 0)
        say(seconds=time.monotonic() - began)
        """
    ).said[0]

    assert ended["seconds"] < 2.0
