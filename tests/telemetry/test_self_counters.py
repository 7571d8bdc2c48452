from queue_telemetry._runtime import Delivery
from queue_telemetry.telemetry._self_counters import self_counters


def test_each_fate_is_a_counter() -> None:
    deliveries = {
        "metrics": Delivery(accepted=10, delivered=6, dropped={"refused": 3}, pending=1),
        "logs": Delivery(accepted=2, adopted=5),
        "none": Delivery(),
    }

    tags = ("signal", "reason")
    assert {
        ("queue.telemetry.accepted", tags, ("metrics", "")): 10,
        ("queue.telemetry.delivered", tags, ("metrics", "")): 6,
        ("queue.telemetry.dropped", tags, ("metrics", "refused")): 3,
        ("queue.telemetry.accepted", tags, ("logs", "")): 2,
        ("queue.telemetry.accepted", tags, ("logs", "adopted")): 5,
    } == self_counters(deliveries)
