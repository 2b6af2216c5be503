"""Submit, query, batch, credits, models: JSON, order of checks, figures."""

import asyncio
import io
import json
import re
from typing import ClassVar

import attrs
import pytest

from evolink_async import params
from evolink_async.emulator import Emulator
from evolink_async.params import Length

pytestmark = pytest.mark.anyio


async def test_the_reply_to_a_submit_is_that_of_the_page(client, body):
    """The create reply has the fields of the vendor's sample, and an x-request-id."""
    reply = await client.submit(body)
    assert re.fullmatch(r"task-unified-1757169743-[a-z0-9]{8}", reply.body["id"])
    assert reply.headers["x-request-id"]
    assert reply.body | {"id": ""} == {
        "created": 1757169743,
        "id": "",
        "model": "wan2.6-reference-video-flash",
        "object": "video.generation.task",
        "progress": 0,
        "status": "pending",
        "task_info": {"can_cancel": True, "estimated_time": 120},
        "type": "video",
        "usage": {"billing_rule": "per_call", "credits_reserved": 11.9, "user_group": "default"},
    }


async def test_wan27_replies_have_no_object(client, clock):
    """The samples of all four wan2.7 pages lack `object`."""
    done = await client.finished({"model": "wan2.7-text-to-video", "prompt": "x"}, clock)
    assert "object" not in done
    assert done["type"] == "video"


async def test_a_task_goes_from_pending_to_completed(client, emulator, body, clock):
    """The states are in order; results and the charge appear only at the end."""
    task_id = (await client.submit(body)).body["id"]
    seen = []
    while (reply := (await client.query(task_id)).body)["status"] != "completed":
        assert "results" not in reply
        assert "usage" not in reply
        assert reply["task_info"] == {"can_cancel": True}
        seen.append(reply["status"])
        clock.advance(5)
    assert list(dict.fromkeys(seen)) == ["pending", "processing"]
    assert reply["progress"] == 100
    assert reply["task_info"] == {"can_cancel": False}
    assert len(reply["results"]) == 1
    assert reply["usage"]["credits_used"] == emulator.ledger.charged == 11.9


async def test_a_failed_task_is_released(new_client, http, body, clock):
    """A failed task shows a task error and no results, and its credits are released."""
    async with Emulator(clock=clock, failure_share=1.0) as emulator:
        done = await new_client(http, emulator).finished(body, clock)
        assert (done["status"], done["progress"]) == ("failed", 0)
        assert done["error"]["type"] == "task_error"
        assert "results" not in done
        assert (emulator.ledger.balance, emulator.ledger.charged) == (100_000.0, 0.0)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer sk-other", "Basic sk-emulator"])
async def test_an_unknown_key_is_refused_everywhere(client, body, header):
    """Every API route replies 401 before any other check."""
    client.headers = {"Authorization": header}
    calls = [("POST", "/v1/videos/generations"), ("POST", "/v1/tasks/batch")]
    calls += [("GET", path) for path in ("/v1/tasks/x", "/v1/credits", "/v1/models")]
    for method, path in calls:
        reply = await client.call(method, path)
        assert (reply.status, reply.body["error"]["code"]) == (401, "unauthorized")


async def test_query_tells_bad_ids_from_unknown_ones(client):
    """A malformed id is 400 invalid_task_id, an unknown one 404 task_not_found."""
    bad, unknown = await client.query("17"), await client.query("task-unified-1-abcdefgh")
    assert (bad.status, bad.body["error"]["code"]) == (400, "invalid_task_id")
    assert (unknown.status, unknown.body["error"]["code"]) == (404, "task_not_found")


async def test_wrong_method_type_size_and_path(client, emulator, body):
    """405, 415, 413 and 404 have the vendor's form."""
    generations = "/v1/videos/generations"
    assert (await client.call("GET", generations)).status == 405
    assert (await client.call("POST", generations, data="{}", headers={"Content-Type": "text/plain"})).status == 415
    big = io.BytesIO(json.dumps(body | {"prompt": "x" * 10_500_000}).encode())
    large = await client.call("POST", generations, data=big, headers={"Content-Type": "application/json"})
    assert (large.status, large.body["error"]["code"]) == (413, "request_too_large")
    assert [len(one.body) for one in emulator.received] == [2, 0]
    lost = await client.call("GET", "/v2/nowhere")
    assert (lost.status, lost.body["error"]["code"]) == (404, "not_found")


async def test_an_empty_account_is_refused(new_client, http, body, clock):
    """402 when the balance does not cover the reservation; a released hold can be spent again."""
    async with Emulator(clock=clock, credits=20.0, failure_share=1.0) as emulator:
        client = new_client(http, emulator)
        await client.submit(body)
        refused = await client.submit(body)
        assert (refused.status, refused.body["error"]["code"]) == (402, "insufficient_quota")
        clock.advance(10_000)
        assert (await client.submit(body)).status == 200
        assert emulator.ledger.accepted == 2


async def test_a_key_may_be_barred_from_a_model(new_client, http, body, clock):
    """403 model_access_denied for one key, service for the other; /v1/models agrees."""
    denied = {"sk-a": [body["model"]]}
    async with Emulator(clock=clock, api_keys=("sk-a", "sk-b"), denied_models=denied) as emulator:
        barred, free = new_client(http, emulator, "sk-a"), new_client(http, emulator, "sk-b")
        refused = await barred.submit(body)
        assert (refused.status, refused.body["error"]["code"]) == (403, "model_access_denied")
        assert (await free.submit(body)).status == 200
        rows = [{row["id"] for row in (await c.call("GET", "/v1/models")).body["data"]} for c in (barred, free)]
        assert rows[1] - rows[0] == {body["model"]}


async def test_batch_returns_many_tasks(client, body):
    """Known ids have the JSON of a query, unknown ids have no row, 51 ids are refused."""
    ids = [(await client.submit(body)).body["id"] for _ in range(3)]
    reply = await client.call("POST", "/v1/tasks/batch", json={"task_ids": [*ids, "task-unified-0-nobody00"]})
    assert [row["id"] for row in reply.body["data"]] == ids
    assert reply.body["data"][0] == (await client.query(ids[0])).body
    for bad in ({"task_ids": ids * 17}, {"task_ids": "x"}, {}):
        assert (await client.call("POST", "/v1/tasks/batch", json=bad)).status == 400


async def test_batch_can_be_off(new_client, http, clock):
    """With `batch=False`, the route replies 404."""
    async with Emulator(clock=clock, batch=False) as emulator:
        assert (await new_client(http, emulator).call("POST", "/v1/tasks/batch", json={"task_ids": []})).status == 404


async def test_credits_follow_the_ledger(client, body, clock):
    """Held and charged credits are both subtracted from the remaining credits."""
    await client.submit(body)
    user = (await client.call("GET", "/v1/credits")).body["data"]["user"]
    assert user == {"remaining_credits": 99_988.1, "used_credits": 0.0}
    clock.advance(10_000)
    reply = (await client.call("GET", "/v1/credits")).body
    assert (reply["success"], reply["data"]["user"]["used_credits"]) == (True, 11.9)


@pytest.mark.parametrize(
    ("changes", "held", "charged"),
    [
        ({"quality": "1080p"}, 2.38 * 1.67 * 5, None),
        ({"generate_audio": False, "duration": 10}, 2.38 * 0.5 * 10, None),
        ({"duration": 2}, 9.0, None),
        ({"model": "wan3.0-text-to-video", "video_urls": None, "duration": -1}, 2.55 * 2 * 30, "seconds"),
        ({"model": "wan2.7-video-edit", "duration": 0}, 5.44 * 10, 5.44 * 5),
    ],
)
async def test_prices(client, emulator, body, clock, changes, held, charged):
    """Units times quality, half when silent, at least the minimum; -1 holds 30 s and charges the real seconds."""
    wanted = {name: value for name, value in (body | changes).items() if value is not None}
    done = await client.finished(wanted, clock)
    task = emulator.tasks[done["id"]]
    assert task.price.reserved == pytest.approx(held)
    if charged == "seconds":
        assert 2 <= task.spec.seconds <= 30
        charged = max(5.1, 2.55 * 2 * task.spec.seconds)
    assert done["usage"]["credits_used"] == pytest.approx(held if charged is None else charged, abs=1e-4)


async def test_the_emulator_keeps_count(client, emulator, body, clock):
    """`received`, `peak`, `in_flight_peak` and `tasks` record the requests."""
    await client.submit(body)
    done = await client.finished(body, clock)
    assert [(one.kind, one.ordinal) for one in emulator.received] == [("submit", 1), ("submit", 2), ("poll", 1)]
    first = emulator.received[0]
    assert (first.method, first.path) == ("POST", "/v1/videos/generations")
    assert json.loads(first.body) == body
    assert first.headers["authorization"] == "Bearer sk-emulator"
    assert emulator.peak["all"] == emulator.peak["submit"] == 1
    assert emulator.in_flight_peak == 2
    assert list(emulator.tasks)[1] == done["id"]


async def test_latency_makes_requests_overlap(new_client, http, body, clock):
    """With some latency, concurrent requests are counted in `peak`."""
    async with Emulator(clock=clock, latency=0.3) as emulator:
        client = new_client(http, emulator)
        await asyncio.gather(*(client.submit(body) for _ in range(12)), client.call("GET", "/v1/credits"))
        assert emulator.peak == {"submit": 12, "credits": 1, "all": 13}


async def test_a_model_registered_in_the_sdk_is_served(client, clock):
    """A new model class is served without an edit here: its own schema decides, and its video is rendered."""

    @attrs.frozen(kw_only=True)
    class Lake40(params.Params):
        model: ClassVar[str] = "lake4.0-text-to-video"
        prompt: str = attrs.field(metadata=params.rule(Length(100)))

    try:
        done = await client.finished({"model": Lake40.model, "prompt": "x"}, clock)
        assert done["status"] == "completed"
        assert (await client.submit({"model": Lake40.model})).body["error"]["param"] == "prompt"
        assert (await client.submit({"model": Lake40.model, "prompt": "x" * 101})).body["error"]["param"] == "prompt"
    finally:
        params.unregister(Lake40.model)
