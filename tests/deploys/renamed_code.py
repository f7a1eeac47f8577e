"""Code of before and after the renaming of a step, and histories that the code of before would have left."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHistory

from activities.order_confirmation import OrderConfirmationActivities
from domain import step_names
from domain.mail import Mail
from domain.order_confirmation import Confirmation, OrderConfirmationRequest
from domain.outcomes import Done, Outcome
from tests.fakes import FakeMail
from tests.histories.record import HISTORIES
from workflows import steps
from workflows.data_converter import data_converter
from workflows.kinds import Kind, Registry
from workflows.registry import registry
from workflows.replaying import job_replayer

NOW, BEFORE, FIRST = "order_confirmation.confirm", "order_confirmation.mail", "order_confirmation.post"


class MailActivities(OrderConfirmationActivities):
    """As the activities were before."""

    @activity.defn(name=BEFORE)
    async def confirm(self, request: OrderConfirmationRequest) -> Confirmation:
        return await super().confirm(request)


@workflow.defn(name="OrderConfirmation")
class Mailing:
    """As the workflow was before."""

    @workflow.run
    async def run(self, request: OrderConfirmationRequest) -> Outcome:
        return Done(reference=(await steps.run(MailActivities.confirm, request)).delivery_key)


@workflow.defn(name="OrderConfirmation")
class MailingTwice:
    """A step that is run again, in another task."""

    _told = False

    @workflow.run
    async def run(self, request: OrderConfirmationRequest) -> Outcome:
        await steps.run(MailActivities.confirm, request)
        await workflow.wait_condition(lambda: self._told)
        return Done(reference=(await steps.run(MailActivities.confirm, request)).delivery_key)

    @workflow.signal
    def again(self) -> None:
        self._told = True


@workflow.defn(name="OrderConfirmation")
class ConfirmingTwice(MailingTwice):
    """The same by the new name."""

    @workflow.run
    async def run(self, request: OrderConfirmationRequest) -> Outcome:
        await steps.run(OrderConfirmationActivities.confirm, request)
        await workflow.wait_condition(lambda: self._told)
        return Done(reference=(await steps.run(OrderConfirmationActivities.confirm, request)).delivery_key)


@workflow.defn(name="OrderConfirmation")
class MailingWithSlots:
    """Twice, in a class whose objects take no attribute that it doesn't name, and cannot be hashed."""

    __hash__ = None  # type: ignore[assignment]  # as a dataclass has it
    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told = False

    @workflow.run
    async def run(self, request: OrderConfirmationRequest) -> Outcome:
        await steps.run(MailActivities.confirm, request)
        await workflow.wait_condition(lambda: self._told)
        return Done(reference=(await steps.run(MailActivities.confirm, request)).delivery_key)

    @workflow.signal
    def again(self) -> None:
        self._told = True


class MailByOrder(FakeMail):
    """Has a script of errors for each order."""

    def __init__(self, scripts: Mapping[int, Sequence[BaseException]]) -> None:
        super().__init__()
        self._scripts = {f"order-confirmation/{order}": list(script) for order, script in scripts.items()}

    async def send(self, mail: Mail) -> str:
        if script := self._scripts.get(mail.delivery_key):
            raise script.pop(0)
        return await super().send(mail)


ROW = registry.get("order-confirmation")
OTHERS = next(iter(registry.get("payment-notice").steps()))
OLD = replace(ROW, workflow=Mailing, activities=MailActivities)
ALIASES = {NOW: (BEFORE,)}
NEW = replace(ROW, step_aliases=ALIASES)


def process_of(*kinds: Kind) -> Registry:
    """The kinds as a process has them that knows of no others."""
    step_names._chains.clear()
    step_names._names_now.clear()
    made = Registry()
    for kind in kinds:
        made.register(kind)
    return made


def called(history: WorkflowHistory) -> list[str]:
    """Names by which the run called its steps, in order; with patches that it recorded of them."""
    found = []
    for event in history.events:
        marker, scheduled = event.marker_recorded_event_attributes, event.activity_task_scheduled_event_attributes
        if marker.marker_name:
            told = b"".join(p.data for payloads in marker.details.values() for p in payloads.payloads).decode()
            found += [name for name in (NOW, BEFORE) if f'"activity_type":"{name}"' in told]
            found += ["patch" for _ in range("renamed-step:" in told)]
        elif scheduled.activity_type.name:
            found.append(scheduled.activity_type.name)
    return found


def recorded(kind: str, names: Mapping[str, str]) -> Iterator[WorkflowHistory]:
    """The kind's recorded histories, as code would have left them in which these names were others."""

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: told(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [told(inner) for inner in value]
        if not isinstance(value, str):
            return value
        with suppress(ValueError):  # what markers hold
            text = base64.b64decode(value, validate=True).decode()
            return base64.b64encode(changed(text, '"{}"').encode()).decode()
        return changed(value, "{}")

    def changed(text: str, form: str) -> str:
        for now, before in names.items():
            text = text.replace(form.format(now), form.format(before))
        return text

    for path in (HISTORIES / kind).glob("*.json"):
        text = json.dumps(told(json.loads(path.read_text(encoding="utf-8"))))
        yield WorkflowHistory.from_json(f"{kind}/{path.stem}", text)


async def problems(kind: Kind, histories: Sequence[WorkflowHistory]) -> list[str]:
    """Ids of those whose replay with this code fails."""
    replayer = job_replayer(process_of(kind), data_converter)
    return [
        history.workflow_id
        for history in histories
        if (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure
    ]


async def until_events(client: Client, workflow_id: str, number: int) -> None:
    async with asyncio.timeout(60):
        while (await client.get_workflow_handle(workflow_id).describe()).history_length < number:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.05)
