"""Read the receipts that services give for records, though their answer says success. Pure: no clock, no socket."""

import orjson

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action, Rejection, Verdict, excerpt_of, judge, read_status
from queue_telemetry.logs.formats._said import count_in

__all__ = ["read_receipt"]


def read_receipt(answer: Answer, records: int) -> Verdict:
    """Judge by the status, and of a success by the receipt where there is one: Axiom's counts, or Honeycomb's list.

    Source: https://axiom.co/docs/restapi/endpoints/ingestIntoDataset,
    https://api-docs.honeycomb.io/api/events/createevents
    """
    verdict = read_status(answer)
    if verdict.action is not Action.DECIDED or answer.body[:1] not in {b"{", b"["}:
        return verdict
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return verdict
    if isinstance(said, dict) and "ingested" in said:
        failed = min(count_in(said.get("failed")), records)
        return Verdict(Action.DECIDED, unnamed=failed, excerpt=excerpt_of(answer.body) if failed else "")
    if isinstance(said, list) and len(said) == records:
        return _judged_one_by_one(said)
    return verdict


def _judged_one_by_one(receipts: list[object]) -> Verdict:
    """Return the verdict of one receipt a record; one that cannot be read counts as stored."""
    again = []
    rejected = []
    for place, receipt in enumerate(receipts):
        status = receipt.get("status") if isinstance(receipt, dict) else None
        action = judge(status) if type(status) is int else Action.DECIDED
        if action is Action.RETRY:
            again.append(place)
        elif action is not Action.DECIDED and isinstance(receipt, dict) and isinstance(status, int):
            rejected.append(Rejection(place, status, excerpt_of(str(receipt.get("error", "")))))
    return Verdict(Action.DECIDED, tuple(rejected), tuple(again))
