"""A server that comes to a halt while it places an order, to be killed. Arguments: MOMENT KEY.

MOMENT: `before` or `after` the commit it says so and waits for ever.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta

from adapters.db.engine import make_engine
from adapters.db.placing import SqlOrderDesk
from adapters.settings import DatabaseSettings
from domain.idempotency import Answer, Repeatable
from domain.placing import OrderOfCustomer, Placed
from starter.http.json_body import hash_of
from tests.http_interface.serving import ORDER


async def main(moment: str, key: str) -> None:
    repeatable = Repeatable(client="tests", key=key, request_hash=hash_of("POST /orders", ORDER))

    order = OrderOfCustomer.model_validate(ORDER)

    def answer(placed: Placed) -> Answer:
        if moment == "before":
            halt(moment)
        return Answer(202, '{"id":' + str(placed.id) + "}", "/orders/1")

    await SqlOrderDesk(make_engine(DatabaseSettings()), kept=timedelta(hours=1)).place(order, answer, repeatable)
    halt("after")


def halt(moment: str) -> None:
    sys.stdout.write(f"{moment}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
