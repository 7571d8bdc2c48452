from collections.abc import Callable
from typing import Any

import yaml

from queue_telemetry.settings import Settings

Texts = Callable[..., dict[str, str]]


def deployment(texts: Texts, **settings: object) -> dict[str, Any]:
    (text,) = texts("kubernetes", **settings).values()
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def container(texts: Texts, **settings: object) -> dict[str, Any]:
    (only,) = deployment(texts, **settings)["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def test_its_variables_are_settings(texts: Texts) -> None:
    """Read as an application reads them."""
    variables = {
        one["name"]: one["value"] for one in container(texts, service="billing", health_port=9001)["env"]
    }

    settings = Settings(
        **{name.removeprefix("QUEUE_TELEMETRY_").lower(): value for name, value in variables.items()}
    )

    assert ("billing", "0.0.0.0", 9001, True) == (
        settings.service,
        settings.health_host,
        settings.health_port,
        settings.health_drain_on_sigterm,
    )


def test_probes_ask_the_port_that_is_served(texts: Texts) -> None:
    found = container(texts, health_port=9001)

    assert [{"name": "health", "containerPort": 9001}] == found["ports"]
    paths = {kind: found[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {
        "startup": {"path": "/livez", "port": "health"},
        "liveness": {"path": "/livez", "port": "health"},
        "readiness": {"path": "/readyz", "port": "health"},
    } == paths


def test_state_is_in_a_folder_below_the_volume_which_is_open_to_others(texts: Texts) -> None:
    found = container(texts)
    (mount,) = found["volumeMounts"]
    (state,) = [one["value"] for one in found["env"] if one["name"] == "QUEUE_TELEMETRY_STATE_DIR"]

    assert state.startswith(mount["mountPath"] + "/")


def test_names_are_labels_as_kubernetes_takes_them(texts: Texts) -> None:
    assert "my-billing" == deployment(texts, service="My_Billing!")["metadata"]["name"]
