"""Each fault has its documented effect on the response and on the ledger."""

import asyncio
import json

import aiohttp
import pytest

from evolink_async.emulator import Emulator, faults

pytestmark = pytest.mark.anyio

BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


@pytest.mark.parametrize(
    ("fault", "booked"),
    [(faults.REFUSE, 0), (faults.DROP_BEFORE_ACCEPT, 0), (faults.DROP_AFTER_ACCEPT, 1)],
    ids=["refuse", "before", "after"],
)
async def test_dropped_connections(client, emulator, body, fault, booked):
    """The connection breaks; only a drop after acceptance is paid. The next call is served."""
    emulator.faults.on("submit", 1, fault)
    with pytest.raises(BROKEN):
        await client.submit(body)
    assert emulator.ledger.accepted == booked
    assert bool(emulator.received[0].body) is (fault != faults.REFUSE)
    assert (await client.submit(body)).status == 200


@pytest.mark.parametrize(("fault", "booked"), [(faults.HANG_BEFORE_ACCEPT, 0), (faults.HANG_AFTER_ACCEPT, 1)])
async def test_hanging_ends_when_the_client_leaves(client, emulator, body, fault, booked, until):
    """Nothing is sent, the ledger shows the stage, and the handler ends soon after the client disconnects."""
    emulator.faults.on("submit", 1, fault)
    call = asyncio.create_task(client.submit(body))
    await until(lambda: emulator.received and emulator.ledger.accepted == booked)
    assert not call.done()
    call.cancel()
    await asyncio.wait([call])
    await until(lambda: not any("_drop_or_hang" in repr(task.get_stack()) for task in asyncio.all_tasks()))
    assert emulator.ledger.accepted == booked


async def test_hanging_ends_when_the_emulator_closes(new_client, http, body, clock, until):
    """Closing does not wait for requests that a fault holds back; the client sees a broken connection."""
    async with Emulator(clock=clock) as emulator:
        scripts = (faults.HANG_AFTER_ACCEPT, faults.slow_loris(60), faults.HANG_BEFORE_ACCEPT)
        for ordinal, fault in enumerate(scripts, 1):
            emulator.faults.on("submit", ordinal, fault)
        calls = [asyncio.create_task(new_client(http, emulator).submit(body)) for _ in scripts]
        await until(lambda: len(emulator.received) == 3)
        assert emulator.peak["submit"] == emulator.peak["all"] == 3
    for ended in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(ended, (*BROKEN, aiohttp.ClientPayloadError)) or getattr(ended, "status", None) == 200


async def test_a_cut_body(client, emulator, body):
    """Content-Length promises more than comes; the task is booked."""
    emulator.faults.on("submit", 1, faults.cut(20))
    emulator.faults.on("submit", 2, faults.cut(100_000))
    for _ in range(2):
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.submit(body)
    assert emulator.ledger.accepted == 2


async def test_slow_loris_and_delay_end_in_the_normal_reply(client, emulator, body):
    """Sent byte by byte or late, the reply is the normal one."""
    emulator.faults.on("submit", 1, faults.slow_loris(0.0))
    emulator.faults.on("submit", 2, faults.delay(0.01))
    for _ in range(2):
        assert (await client.submit(body)).body["status"] == "pending"


async def test_a_delayed_submit_is_accepted_after_the_client_disconnects(client, emulator, body, until):
    """The client disconnects before anything is booked, and the submit is booked after that."""
    emulator.faults.on("submit", 1, faults.delay(60))
    call = asyncio.create_task(client.submit(body))
    await until(lambda: emulator.received)
    assert emulator.ledger.accepted == 0
    call.cancel()
    await until(lambda: emulator.ledger.accepted)


async def test_fixed_replies(client, emulator, body):
    """`reply` books nothing; `reply_after_accept` books."""
    emulator.faults.on(
        "submit", 1, faults.reply(502, "<html>bad gateway</html>", content_type="text/html", headers={"X-A": "b"})
    )
    emulator.faults.on("submit", 2, faults.reply_after_accept(500, b"oops", content_type="text/plain"))
    bad = await client.submit(body)
    assert (bad.status, bad.body, bad.headers["X-A"]) == (502, b"<html>bad gateway</html>", "b")
    assert bad.headers["Content-Type"] == "text/html"
    assert emulator.ledger.accepted == 0
    assert (await client.submit(body))[:2] == (500, b"oops")
    assert emulator.ledger.accepted == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 429, 500, 502, 503])
async def test_errors_of_both_generations(client, emulator, body, status):
    """New bodies carry a text code, old ones the status; Retry-After comes along; nothing is booked."""
    emulator.faults.on("submit", 1, faults.error(status, headers={"Retry-After": "1"}))
    emulator.faults.on("submit", 2, faults.error(status, generation="old"))
    new, old = await client.submit(body), await client.submit(body)
    assert (new.status, new.headers["Retry-After"]) == (status, "1")
    assert isinstance(new.body["error"]["code"], str)
    assert (old.status, old.body["error"]["code"]) == (status, status)
    assert new.body["error"].keys() == old.body["error"].keys() == {"code", "message", "type"}
    assert emulator.ledger.accepted == 0


async def test_redirects(client, emulator):
    """A redirect has its status and Location."""
    emulator.faults.on("credits", faults.ALWAYS, faults.redirect(307, "https://example.com/"))
    reply = await client.call("GET", "/v1/credits")
    assert (reply.status, reply.headers["Location"]) == (307, "https://example.com/")


async def test_unreadable_success(client, emulator, body):
    """HTML with 200 and broken JSON are both sent after the task is paid."""
    emulator.faults.on("submit", 1, faults.HTML_200)
    emulator.faults.on("submit", 2, faults.NOT_JSON)
    html = await client.submit(body)
    assert (html.status, html.headers["Content-Type"]) == (200, "text/html")
    with pytest.raises(json.JSONDecodeError):
        await client.submit(body)
    assert emulator.ledger.accepted == 2


@pytest.mark.parametrize(
    ("fault", "changed"),
    [
        (faults.missing("id", "created"), {"id": None, "created": None}),
        (faults.nulled("status"), {"status": None}),
        (faults.extra({"brand_new": [1]}), {"brand_new": [1]}),
        (faults.state("queued"), {"status": "queued", "results": None, "usage": None}),
        (faults.state("cancelled"), {"status": "cancelled", "results": None, "usage": None}),
        (faults.wrong_task_id("task-unified-1-x"), {"id": "task-unified-1-x"}),
        (faults.COMPLETED_WITHOUT_RESULTS, {"status": "completed", "progress": 100, "results": None}),
        (faults.rewrite("half", lambda task: task | {"progress": 50.5}), {"progress": 50.5}),
    ],
)
async def test_rewritten_replies(client, emulator, body, clock, fault, changed):
    """Only the named fields differ from the normal reply; a batch is changed row by row."""
    normal = await client.finished(body, clock)
    emulator.faults.on("poll", faults.ALWAYS, fault)
    emulator.faults.on("batch", faults.ALWAYS, fault)
    one = (await client.query(normal["id"])).body
    batch = await client.call("POST", "/v1/tasks/batch", json={"task_ids": [normal["id"]]})
    assert batch.body == {"data": [one]}
    assert {name: one.get(name) for name in changed} == changed
    assert {k: v for k, v in one.items() if k not in changed} == {k: v for k, v in normal.items() if k not in changed}


async def test_progress_can_go_backwards(client, emulator, body, clock):
    """The reported progress falls while the task proceeds."""
    emulator.faults.on("poll", faults.ALWAYS, faults.PROGRESS_BACKWARDS)
    task_id = (await client.submit(body)).body["id"]
    shown = []
    for _ in range(4):
        clock.advance(15)
        shown.append((await client.query(task_id)).body["progress"])
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == 4


@pytest.mark.parametrize("fault", [faults.endless(1_000_000), faults.gzip_bomb(1_000_000)], ids=["endless", "bomb"])
async def test_large_bodies(client, emulator, fault):
    """A body of the requested size has no Content-Length; the bomb is compressed."""
    emulator.faults.on("credits", 1, fault)
    sizes = []
    headers = client.headers
    async with client.http.get(emulator.base_url + "/v1/credits", headers=headers) as response:
        assert "Content-Length" not in response.headers
        async for chunk in response.content.iter_any():
            sizes.append(len(chunk))
        assert ("Content-Encoding" in response.headers) is (fault == faults.gzip_bomb(1_000_000))
    assert sum(sizes) == 1_000_000


async def test_the_script_counts_per_kind_and_the_latest_rule_wins(client, emulator, body):
    """Ordinals are 1-based per kind; ranges, sets and shares work; `clear` removes all rules."""
    emulator.faults.on("submit", range(1, 4), faults.error(500))
    emulator.faults.on("submit", 2, faults.error(429))
    assert [(await client.submit(body)).status for _ in range(4)] == [500, 429, 500, 200]
    emulator.faults.on("credits", faults.sometimes(0.3, seed=4), faults.error(503))
    statuses = [(await client.call("GET", "/v1/credits")).status for _ in range(100)]
    assert 15 < statuses.count(503) < 45
    emulator.faults.clear()
    assert (await client.call("GET", "/v1/credits")).status == 200
    with pytest.raises(ValueError, match="kind must be one of submit, poll"):
        emulator.faults.on("polls", 1, faults.REFUSE)


def test_faults_have_names():
    """A word names a fault, and so does a status; another word is an error."""
    assert faults.named("drop") == faults.DROP_AFTER_ACCEPT
    assert faults.named("429") == faults.error(429)
    for wrong in ("dorp", "", "200", "4290", "٤٢٩"):
        with pytest.raises(ValueError, match="no fault is named"):
            faults.named(wrong)


@pytest.mark.parametrize("word", [*faults.NAMED, "502"])
async def test_every_named_fault_changes_a_reply(client, emulator, body, word, until):
    """No word gives the normal reply to a submit; "slow" and "hang" give none for a while."""
    emulator.faults.on("submit", 1, faults.named(word))
    call = asyncio.create_task(client.submit(body))
    if word in ("slow", "hang"):
        await until(lambda: emulator.received)
        assert not call.done()
        call.cancel()
        await asyncio.wait([call])
        return
    try:
        status = (await call).status
    except (*BROKEN, aiohttp.ClientPayloadError, json.JSONDecodeError):
        return
    assert status == (403 if word == "page" else int(word))
