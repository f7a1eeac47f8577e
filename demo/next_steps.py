"""What a visitor can do once the tour is over: addresses to open, and lines to type as they stand."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

from demo.api_part import ApiPart
from demo.data.shop import TOUR, order
from demo.display import Display
from demo.stack import Stack
from demo.tour import Seen
from demo.worker_part import WorkerPart
from domain.order_confirmation import OrderConfirmationRequest

_CURL = "curl -w '\\n' -H \"Authorization: Bearer $JOBS_API_KEY\""


def commands_folder() -> str:
    """What to write before the name of an installed program: `.venv/bin/`."""
    return f"{_typed(Path(sys.executable).parent)}/"


def show(stack: Stack, worker: WorkerPart, api: ApiPart, seen: Seen, display: Display) -> None:
    """Print it all."""
    bin_, visit = commands_folder(), seen.visit
    display.heading("Everything stays up until Ctrl-C. Have a look:")
    display.link("Web UI", stack.web_ui)
    display.link("inbox", stack.inbox_url)
    display.link("payments", stack.payments_url)
    display.link("API", f"{api.url}/openapi.json")
    display.link("metrics", f"{worker.url}/metrics")
    display.link("logs", _typed(worker.log.parent))
    display.heading("In another terminal, in this folder:")
    failed = OrderConfirmationRequest(order_id=seen.refused).workflow_id
    display.command(f"set -a; . {_typed(stack.folder / 'env')}; set +a", "tells the commands where everything is")
    display.command(
        f"{_CURL} -i $JOBS_API_URL/orders -H 'Content-Type: application/json' -H 'Idempotency-Key: try-{visit.number}' "
        f"-d {shlex.quote(_order())}",
        "one more mail; the same line again: the same order",
    )
    display.command(f"{_CURL} $JOBS_API_URL/jobs/{failed}", "the dead letter")
    display.command(f"{bin_}jobs list")
    display.command(f"{bin_}jobs status {failed}", "the same, with the Web UI's link")
    display.command(f"{bin_}jobs start order-confirmation --order-id {visit.to_try.id} --wait", "one more mail")
    display.command(f"{bin_}temporal workflow list --query \"ExecutionStatus='Failed'\"", "all dead letters")


def _order() -> str:
    """An order as `POST /orders` takes it."""
    template = order(TOUR.delivered)
    item = template.items[0].model_dump()
    return json.dumps(
        {"customer_id": template.customer.id, "currency": template.currency, "items": [item], "payment": "later"}
    )


def _typed(path: Path) -> str:
    """As one types it from here: relative where it lies below, quoted where it has to be."""
    # Not `resolve`: the virtual environment's Python is a link that leads out of it.
    here = os.path.relpath(path)
    text = str(path) if here.startswith("..") else here
    if "/" not in text:
        text = f"./{text}"
    return shlex.quote(text)
