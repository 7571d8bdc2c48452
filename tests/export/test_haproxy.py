from collections.abc import Callable

Texts = Callable[..., dict[str, str]]


def test_the_ports_are_where_the_probes_are_served(texts: Texts) -> None:
    (text,) = texts("haproxy", service="billing", health_port=9001, health_agent_port=9002).values()

    assert "check port 9001 " in text
    assert "agent-port 9002 " in text
    assert "backend billing\n" in text
    assert "    http-check send meth GET uri /readyz\n" in text


def test_a_service_is_called_so_that_it_can_be_read(texts: Texts) -> None:
    (text,) = texts("haproxy", service="my billing/ä").values()

    assert "backend my_billing__\n" in text
