import gc
import subprocess
import sys

from queue_telemetry._runtime import fork, register_fork_aware

_QUIET = ["-W", "ignore::DeprecationWarning"]  # 3.12 deprecates forks beside threads


class Member:
    def reset_after_fork(self) -> None:
        """Nothing to reset."""


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, *_QUIET, "-c", script], capture_output=True, text=True, timeout=15, check=False
    )
    assert "" == done.stderr
    return done.stdout


_PRELUDE = """
import os, threading
from queue_telemetry._runtime import fork, register_fork_aware

class Member:
    resets = 0
    def __init__(self):
        self.lock = threading.Lock()
        register_fork_aware(self)
    def reset_after_fork(self):
        self.lock = threading.Lock()
        self.resets += 1

def in_child(tell):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, str(tell()).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    return os.read(reader, 100).decode()
"""


def test_a_child_resets_each_member_once_and_the_parent_none() -> None:
    script = """
first, second = Member(), Member()
register_fork_aware(first)
print(in_child(lambda: (first.resets, second.resets)), (first.resets, second.resets))
"""
    assert "(1, 1) (0, 0)\n" == run(_PRELUDE + script)


def test_a_lock_that_another_thread_holds_is_free_in_the_child() -> None:
    script = """
member, held, done = Member(), threading.Event(), threading.Event()
def hold():
    with member.lock:
        held.set()
        done.wait(10)
thread = threading.Thread(target=hold)
thread.start()
held.wait(10)
print(in_child(lambda: member.lock.acquire(timeout=1)))
done.set()
thread.join()
"""
    assert "True\n" == run(_PRELUDE + script)


def test_a_grandchild_is_reset_again() -> None:
    script = """
member = Member()
print(in_child(lambda: in_child(lambda: member.resets)))
"""
    assert "2\n" == run(_PRELUDE + script)


def test_twenty_thousand_dead_members_are_not_called_in_a_child() -> None:
    script = """
calls = []
class Counted(Member):
    def reset_after_fork(self):
        calls.append(1)
for _ in range(20_000):
    Counted()
living = Counted()
print(in_child(lambda: len(calls)), len(fork._members))
"""
    assert "1 1\n" == run(_PRELUDE + script)


def test_registering_does_not_keep_a_member_alive() -> None:
    before = len(fork._members)
    member = Member()
    register_fork_aware(member)
    assert before + 1 == len(fork._members)

    del member
    gc.collect()
    assert before >= len(fork._members)
