"""The Idempotency-Key header: one key, one paid task."""

import asyncio

import pytest

from evolink_async.emulator import Emulator, faults

pytestmark = pytest.mark.anyio

KEY = "job-0123456789abcdef"


async def test_the_same_request_is_replayed(client, emulator, body):
    """The reply has the first task and is marked as a replay; nothing is paid again."""
    first, again = await client.submit(body, key=KEY), await client.submit(body, key=KEY)
    assert again.body == first.body
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert dict(emulator.ledger.tasks_by_key) == {KEY: (first.body["id"],)}


async def test_another_body_under_a_key_is_a_conflict(client, emulator, body):
    """409 idempotency_conflict, and still one task."""
    await client.submit(body, key=KEY)
    reply = await client.submit(body | {"prompt": "another"}, key=KEY)
    assert (reply.status, reply.body["error"]["code"]) == (409, "idempotency_conflict")
    assert emulator.ledger.accepted == 1


@pytest.mark.parametrize("key", ["short", "x" * 97, "with space in it!!", "ümlaut-0123456789"])
async def test_a_malformed_key_is_refused(client, emulator, body, key):
    """16 to 96 letters, digits, dots, underscores, hyphens; else 400."""
    assert (await client.submit(body, key=key)).status == 400
    assert emulator.ledger.accepted == 0


async def test_while_the_first_call_is_open_the_outcome_is_unknown(client, emulator, body, until):
    """A second call during the first gets 409 paid_outcome_unknown; after it, the replay."""
    emulator.faults.on("submit", 1, faults.HANG_AFTER_ACCEPT)
    first = asyncio.create_task(client.submit(body, key=KEY))
    await until(lambda: emulator.ledger.accepted)
    second = await client.submit(body, key=KEY)
    assert (second.status, second.body["error"]["code"]) == (409, "paid_outcome_unknown")
    first.cancel()
    await asyncio.wait([first])
    await until(lambda: not any("_drop_or_hang" in repr(task.get_stack()) for task in asyncio.all_tasks()))
    third = await client.submit(body, key=KEY)
    assert third.headers["idempotency-replayed"] == "true"
    assert emulator.ledger.accepted == 1


async def test_it_can_be_switched_off(new_client, http, body, clock):
    """Each POST is a new paid task, and the ledger lists both under the body."""
    async with Emulator(clock=clock, idempotency=False) as emulator:
        client = new_client(http, emulator)
        ids = tuple([(await client.submit(body, key=KEY)).body["id"] for _ in range(2)])
        assert list(emulator.ledger.tasks_by_body.values()) == [ids]
        assert dict(emulator.ledger.tasks_by_key) == {}
