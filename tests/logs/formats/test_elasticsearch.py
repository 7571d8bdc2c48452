"""The bulk interface of Elasticsearch."""

import json
from collections.abc import Callable

import pytest

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action, Rejection, Verdict
from queue_telemetry.logs.formats import ElasticsearchFormat

Lines = Callable[..., bytearray]


def answered(*items: object, errors: object = True) -> Answer:
    return Answer(200, body=json.dumps({"errors": errors, "items": items}).encode())


def test_the_exact_bytes_of_a_record(lines: Lines) -> None:
    assert (
        b'{"create":{"_index":"logs-billing-prod","_id":"r-1"}}\n'
        b'{"@timestamp":"2025-11-05T10:15:30.123456Z","log.level":"info","event.action":"task_completed",'
        b'"message":"said \\"h\xc3\xa9\\"","task_id":"123","service.name":"billing","service.environment":"prod",'
        b'"service.version":"1.2.3","host.name":"h1","process.pid":71,"process.thread.name":"MainThread",'
        b'"log.logger":"app.tasks","log.origin.function":"cleanup","log.origin.file.line":12,"record_id":"r-1"}\n'
    ) == ElasticsearchFormat().body(lines({}))


@pytest.mark.parametrize(
    ("service", "env", "index"),
    [
        (None, None, "logs-generic-default"),
        ("Billing-API v2", "Pre/Prod", "logs-billing_api_v2-pre_prod"),
        ("s" * 300, "\u00fc", f"logs-{'s' * 80}-_"),
    ],
)
def test_the_data_stream_is_named_by_service_and_env(
    lines: Lines, service: str | None, env: str | None, index: str
) -> None:
    action = ElasticsearchFormat().body(lines({"service": service, "env": env})).split(b"\n")[0]

    assert index == json.loads(action)["create"]["_index"]


def test_an_index_of_the_users_is_named_in_each_action(lines: Lines) -> None:
    body = ElasticsearchFormat("mine").body(lines({}))

    assert body.startswith(b'{"create":{"_index":"mine","_id":"r-1"}}\n')


@pytest.mark.parametrize(
    ("given", "path", "names_it"),
    [
        ("https://es.test", "/_bulk", True),
        ("https://es.test/_bulk", "/_bulk", True),
        ("https://es.test/my-logs", "/my-logs/_bulk", False),
        ("https://es.test/my-logs/_bulk/", "/my-logs/_bulk", False),
    ],
)
def test_a_path_names_the_index(lines: Lines, given: str, path: str, names_it: bool) -> None:
    wire_format = ElasticsearchFormat.for_url(given)
    query = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"

    assert f"https://es.test{path}?{query}" == wire_format.url(given)
    assert names_it is (b'"_index"' in wire_format.body(lines({})))


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (
            "pipeline=p",
            "pipeline=p&filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason",
        ),
        ("filter_path=errors,items", "filter_path=errors,items"),
    ],
)
def test_the_users_query_stays(query: str, sent: str) -> None:
    assert f"https://es.test/_bulk?{sent}" == ElasticsearchFormat().url(f"https://es.test/_bulk?{query}")


@pytest.mark.parametrize("key", ["log", "process", "host.name", "@timestamp", "service.name"])
def test_a_users_key_does_not_stand_where_an_object_must(lines: Lines, key: str) -> None:
    document = json.loads(ElasticsearchFormat().body(lines({key: "mine"})).split(b"\n")[1])

    assert "mine" == document[f"extra_{key}"]


def test_an_error_has_the_schemas_names(lines: Lines) -> None:
    error = {"type": "ValueError", "message": "m", "fingerprint": "9f", "stack": "s"}
    document = json.loads(ElasticsearchFormat().body(lines({"error": error})).split(b"\n")[1])

    assert {"type": "ValueError", "message": "m", "fingerprint": "9f", "stack_trace": "s"} == document[
        "error"
    ]


@pytest.mark.parametrize("record_id", [None, "", "x" * 513, 7])
def test_an_id_that_is_none_is_left_to_the_server(lines: Lines, record_id: object) -> None:
    body = ElasticsearchFormat("i").body(lines({"record_id": record_id}))

    assert body.startswith(b'{"create":{"_index":"i"}}\n')


def test_the_token_is_an_api_key() -> None:
    assert {"authorization": "ApiKey aWQ6a2V5"} == ElasticsearchFormat().authorization("aWQ6a2V5")


def test_each_item_is_judged_by_its_own_status() -> None:
    refused = {"type": "document_parsing_exception", "reason": "failed to parse\nfield [a]"}
    answer = answered(
        {"create": {"status": 201}},
        {"create": {"status": 429, "error": {"type": "es_rejected_execution_exception"}}},
        {"create": {"status": 400, "error": refused}},
        {"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}},
        {"create": {"status": 503}},
        {"create": {"status": 404, "error": "index_not_found"}},
    )

    assert Verdict(
        Action.DECIDED,
        (
            Rejection(2, 400, "document_parsing_exception: failed to parse field [a]"),
            Rejection(5, 404, "index_not_found"),
        ),
        (1, 4),
    ) == ElasticsearchFormat().read(answer, 6)


@pytest.mark.parametrize(
    "body",
    [
        b'{"errors":false}',
        b"{}",
        b'{"took": 3, "errors": false, "items":[{"cre',
        b'{"errors":true,"items":[1,null,{},{"create":5},{"create":{"status":true}},{"create":{"status":"400"}}]}',
    ],
)
def test_a_success_that_names_nobody_stored_all(body: bytes) -> None:
    assert Verdict(Action.DECIDED) == ElasticsearchFormat().read(Answer(200, body=body), 6)


@pytest.mark.parametrize(
    "body",
    [
        b'{"errors":true}',
        b'{"errors":true,"items":{}}',
        b'{"errors":true,"items":[]}',
        b'{"errors":true,"items":[{"create":{"status":201}}]}',
    ],
)
def test_errors_without_an_item_for_each_record_deliver_nothing(body: bytes) -> None:
    assert Action.SPLIT is ElasticsearchFormat().read(Answer(200, body=body), 6).action


@pytest.mark.parametrize(
    ("body", "action"),
    [
        (b'{"errors":true}', Action.BISECT),
        (b'{"errors":true,"items":[]}', Action.BISECT),
        (b'{"errors":true,"items":[', Action.RETRY),
    ],
    ids=["left out", "empty", "cut"],
)
def test_an_error_that_is_not_told_is_a_single_records_own(body: bytes, action: Action) -> None:
    assert action is ElasticsearchFormat().read(Answer(200, body=body), 1).action


def test_an_error_whose_status_is_left_out_is_a_refusal() -> None:
    answer = answered({"create": {"error": {"type": "x", "reason": "y"}}}, {"create": {}})

    assert (Rejection(0, 400, "x: y"),) == ElasticsearchFormat().read(answer, 2).rejected


@pytest.mark.parametrize("body", [b"", b"ok", b"[]", b"<html>login</html>", b'{"error":"x","status":429}'])
def test_a_success_that_is_not_elasticsearchs_delivers_nothing(body: bytes) -> None:
    assert Action.RETRY is ElasticsearchFormat().read(Answer(200, body=body), 6).action


def test_items_beyond_the_batch_are_nobodys() -> None:
    answer = answered(*[{"create": {"status": 429}}] * 5)

    assert (0, 1) == ElasticsearchFormat().read(answer, 2).again


def test_an_answer_with_errors_that_was_cut_makes_the_batch_smaller() -> None:
    spaced = answered(*[{"create": {"status": 400}}] * 3).body

    for whole in (spaced, spaced.replace(b" ", b"")):
        assert Action.SPLIT is ElasticsearchFormat().read(Answer(200, body=whole[:-5]), 3).action


@pytest.mark.parametrize("status", [401, 403])
def test_an_index_that_nobody_may_write_to_is_a_setting(status: int) -> None:
    blocked = {"create": {"status": status, "error": {"type": "security_exception", "reason": "no"}}}

    assert Verdict(Action.PARK, excerpt="security_exception: no") == ElasticsearchFormat().read(
        answered(blocked, blocked), 2
    )


@pytest.mark.parametrize(
    ("status", "action"), [(429, Action.RETRY), (503, Action.RETRY), (413, Action.SPLIT), (401, Action.PARK)]
)
def test_answers_to_the_whole_request(status: int, action: Action) -> None:
    assert action is ElasticsearchFormat().read(Answer(status), 3).action
