"""What schemathesis cannot know of the server that it calls; loaded by it (SCHEMATHESIS_HOOKS)."""

from __future__ import annotations

from itertools import count
from typing import Any

import schemathesis
from schemathesis import Case, GenerationMode, HookContext

KNOWN_CUSTOMER = 1
KNOWN_MEMBER = 1
_numbers = count(1)


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG001  # the hook's signature
    meta = case.meta
    if meta is None or meta.generation.mode is not GenerationMode.POSITIVE:
        return
    # A key belongs to the first body that comes with it, and a customer must be there.
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]} {next(_numbers)}"
    if isinstance(case.body, dict) and "customer_id" in case.body:
        case.body["customer_id"] = KNOWN_CUSTOMER
    if isinstance(case.body, dict) and "report" in case.body:
        # Not every text of that shape is in the calendar, or a time zone, and each report has formats of its own.
        case.body["period"] = f"2026-01-{next(_numbers) % 31 + 1:02}"
        case.body["format"] = "csv"
        if "time_zone" in case.body:
            case.body["time_zone"] = "Europe/Zurich"
        if case.body.get("requested_by") is not None:
            case.body["requested_by"] = KNOWN_MEMBER
