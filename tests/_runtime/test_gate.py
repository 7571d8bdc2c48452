from queue_telemetry._runtime import Gate


def test_a_new_gate_is_asleep_and_not_quiet() -> None:
    gate = Gate(lambda: True)

    assert (True, False) == (gate.asleep, gate.quiet)
    assert gate.wake()
