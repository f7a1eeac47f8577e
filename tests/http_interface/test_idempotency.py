"""The same request under the same key happens once, whatever comes in between."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import httpx
import pytest

from adapters.db.engine import make_engine
from adapters.db.placing import SqlOrderDesk
from demo.stack import Stack
from domain.errors import OutcomeUnknown
from domain.idempotency import Answer
from domain.placing import OrderOfCustomer, Placed
from tests.http_interface.door import door
from tests.http_interface.serving import ITEM, ORDER, PROBLEM, Served, client_of, new_key, settings_of
from tests.outbox.processes import running, said


def _seen(answer: httpx.Response) -> tuple[int, bytes, str]:
    return answer.status_code, answer.content, answer.headers["location"]


async def test_the_same_again_gets_the_same_answer_and_places_nothing(served: Served) -> None:
    first = await served.place(key="a key of 21 characters")
    again = await served.place(key="a key of 21 characters")
    assert _seen(again) == _seen(first)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert [await served.count(table) for table in ("orders", "order_items", "outbox")] == [1, 1, 1]


async def test_neither_white_space_nor_order_of_members_makes_another_request(served: Served) -> None:
    first = await served.place(key="a")
    content = json.dumps(dict(reversed(ORDER.items())), indent=4)
    headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    assert _seen(await served.http.post("/orders", content=content, headers=headers)) == _seen(first)


async def test_another_body_under_the_same_key_is_refused(served: Served) -> None:
    await served.place(key="a")
    refused = await served.place(key="a", items=[ITEM, ITEM])
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:durable-jobs:problem:idempotency-key-reused")
    assert await served.count("orders") == 1


async def test_each_client_has_keys_of_its_own_which_its_next_api_key_shares(served: Served) -> None:
    first = await served.place(key="a")
    async with (
        client_of(served.url, await new_key(served.engine, "another")) as another,
        client_of(served.url, await new_key(served.engine)) as rotated,
    ):
        others = await another.post("/orders", json=ORDER, headers={"Idempotency-Key": "a"})
        same = await rotated.post("/orders", json=ORDER, headers={"Idempotency-Key": "a"})
    assert others.json()["id"] != first.json()["id"]
    assert _seen(same) == _seen(first)


@pytest.mark.parametrize("keys", [[b""], [b"k" * 256], ["kéy".encode()], [b"a\tb"], [b"a", b"a"]])
async def test_a_key_that_cannot_be_is_refused(shared: Served, keys: list[bytes]) -> None:
    headers = [(b"Idempotency-Key", key) for key in keys]
    refused = await shared.http.post("/orders", json=ORDER, headers=headers)
    assert (refused.status_code, refused.headers["content-type"]) == (400, PROBLEM)


async def test_of_twenty_at_once_one_places_the_order_and_all_get_its_answer(served: Served) -> None:
    answers = await asyncio.gather(*(served.place(key="a") for _ in range(20)))
    assert {_seen(answer) for answer in answers} == {_seen(answers[0])}
    assert answers[0].status_code == 202
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 19
    assert [await served.count(table) for table in ("orders", "outbox")] == [1, 1]


async def test_a_refused_request_leaves_its_key_free(served: Served) -> None:
    assert (await served.place(key="a", customer_id=2)).status_code == 422
    assert (await served.place(key="a", items=[])).status_code == 422
    assert (await served.place(key="a")).status_code == 202


async def test_a_key_is_free_again_when_its_answer_is_kept_no_longer(served: Served) -> None:
    await served.place(key="a")
    await served.run("UPDATE idempotency_keys SET created_at = now() - interval '23 h 59 min'")
    assert (await served.place(key="a")).json()["id"] == 1
    await served.run("UPDATE idempotency_keys SET created_at = now() - interval '24 h'")
    anew = await served.place(key="a", items=[ITEM, ITEM])
    assert (anew.status_code, anew.json()["id"]) == (202, 2)
    again = await served.place(key="a", items=[ITEM, ITEM])
    assert _seen(again) == _seen(anew)


async def test_a_request_waits_for_the_first_one_with_its_key_and_not_for_ever(served: Served) -> None:
    served.replace(desk=SqlOrderDesk(served.engine, kept=timedelta(hours=1), wait=timedelta(milliseconds=200)))
    async with served.engine.connect() as first:
        await first.exec_driver_sql(
            "INSERT INTO idempotency_keys (client, key, request_hash) VALUES ('tests', 'a', sha256('x'))"
        )
        answer = await served.place(key="a")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:durable-jobs:problem:still-at-work")
        assert answer.headers["retry-after"] == "1"
    assert (await served.place(key="a")).status_code == 202


@pytest.mark.parametrize(
    ("moment", "orders", "replayed"),
    [pytest.param("before", 0, None, marks=pytest.mark.long), ("after", 1, "true")],
)
async def test_a_server_that_is_killed_leaves_the_order_with_its_answer_or_neither(
    served: Served, stack: Stack, database: str, moment: str, orders: int, replayed: str | None
) -> None:
    environment = {**stack.environment(), "DATABASE_URL": database}
    async with running(environment, "-m", "tests.http_interface.dying_desk", moment, "a") as server:
        await said(server, moment)
        server.kill()
        await server.wait()
    assert [await served.count(table) for table in ("orders", "idempotency_keys", "outbox")] == [orders] * 3
    answer = await served.place(key="a")
    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (202, replayed)
    assert [await served.count(table) for table in ("orders", "idempotency_keys", "outbox")] == [1] * 3


async def test_a_connection_that_breaks_at_the_commit_leaves_it_open_whether_the_order_is_placed(
    served: Served, database: str
) -> None:
    async with door(database) as way:
        engine = make_engine(settings_of(way.url))

        def answer(_: Placed) -> Answer:
            way.shut()
            return Answer(202, "{}", None)

        with pytest.raises(OutcomeUnknown):
            await SqlOrderDesk(engine, kept=timedelta(hours=1)).place(
                OrderOfCustomer.model_validate(ORDER), answer, None
            )
        await engine.dispose()
    assert await served.count("orders") == 0


async def test_answers_that_are_kept_no_longer_are_removed_as_it_goes(served: Served) -> None:
    await served.run(
        "INSERT INTO idempotency_keys (client, key, request_hash, created_at, status, body) "
        "SELECT 'tests', n::text, sha256('x'), now() - interval '2 d', 202, '{}' FROM generate_series(1, 25) AS n"
    )
    left = []
    for key in ("a", "b", "c"):
        await served.place(key=key)
        left.append(await served.count("idempotency_keys"))
    assert left == [16, 7, 3]
