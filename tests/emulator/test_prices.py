"""The price catalogue of the emulator, in the vendor's form."""

from __future__ import annotations

import pytest

from evolink_async.emulator import Emulator

pytestmark = pytest.mark.anyio

PATH = "/v1/catalog/pricing-rules"


async def test_the_form_is_the_vendors(client, emulator):
    """Meta, models, components with amounts in several currencies, and rules; five minutes fresh; without a key."""
    client.headers = {}
    reply = await client.call("GET", PATH)
    assert reply.status == 200
    meta = reply.body["meta"]
    assert (meta["price_scope"], meta["fresh_until"]) == ("public_default", "2025-09-06T14:47:23Z")
    [flash] = [one for one in reply.body["models"] if one["model_id"] == "wan2.6-image-to-video-flash"]
    [part] = flash["components"]
    assert part["rate"] == {"uc": "23800", "credits": "2.38", "cny": "0.238", "usd": "0.035"}
    assert part["minimum_charge"]["credits"] == "6"
    assert [one["op"] for one in part["quantity_rule"]["args"]] == ["if", "lookup", "if"]
    assert [one["name"] for one in flash["parameters"]] == ["duration_seconds", "quality", "generate_audio"]
    assert emulator.ledger.accepted == 0


async def test_it_has_a_version(client):
    """A client that has it is answered 304, without a body; another version is answered in full."""
    etag = (await client.call("GET", PATH)).headers["ETag"]
    same = await client.call("GET", PATH, headers={"If-None-Match": etag})
    assert (same.status, same.headers["ETag"], same.body) == (304, etag, None)
    assert (await client.call("GET", PATH, headers={"If-None-Match": '"older"'})).status == 200


async def test_it_can_be_missing(http, new_client):
    """No public page documents it, so a service may lack it."""
    async with Emulator(prices=False) as emulator:
        assert (await new_client(http, emulator).call("GET", PATH)).status == 404
