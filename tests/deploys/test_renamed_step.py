"""A step that was renamed: jobs that began under its earlier name go on, and new ones call it by its new name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from domain import requests
from domain.dead_letters import DeadLetters
from domain.errors import InvalidRequest, ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from domain.step_names import step_name
from starter import JobDidNotComplete, Jobs
from starter.held_jobs import release
from starter.redriving.point import reset_point
from starter.redriving.story import attempts
from tests.deploys.renamed_code import (
    ALIASES,
    BEFORE,
    FIRST,
    NEW,
    NOW,
    OLD,
    OTHERS,
    ROW,
    ConfirmingTwice,
    MailByOrder,
    MailingTwice,
    MailingWithSlots,
    called,
    problems,
    process_of,
    recorded,
    until_events,
)
from tests.fakes import FakeOrders, an_order, fake_ports
from tests.fakes_dead_letters import FakeDeadLetters
from workflows import hosting, steps
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.kinds import RegistryError
from workflows.pausing import Target, pauses_of
from workflows.registry import registry
from workflows.replaying import job_replayer


@pytest.fixture(autouse=True)
def _names_as_they_are() -> Iterator[None]:
    """What a test has renamed is not renamed for others."""
    before = dict(requests._names_now)
    yield
    process_of()
    requests._names_now.clear()
    requests._names_now.update(before)


async def test_jobs_go_on_under_the_name_that_their_history_has_and_new_ones_use_the_new_name(client: Client) -> None:
    def job(order_id: int) -> OrderConfirmationRequest:
        return OrderConfirmationRequest(order_id=order_id)

    orders, jobs = FakeOrders(*map(an_order, range(1, 6))), Jobs(client)
    refused = [ServiceUnavailable("Busy."), InvalidRequest("No such recipient.")]
    later = ServiceUnavailable("Busy.", retry_after=timedelta(seconds=2))
    before = fake_ports(orders, mail=MailByOrder({1: refused, 2: [later]}))
    kinds = process_of(OLD)
    async with job_worker(client, "notifications", kinds, before, sandbox=False, draw=lambda low, _: low / 100):
        with pytest.raises(JobDidNotComplete):
            await (await jobs.start(job(1))).result()
        await jobs.start(job(2))
        await until_events(client, job(2).workflow_id, 6)  # it waits for its second attempt
        pauses_of(client).replace({Target(kind="order-confirmation"): ""})
        await jobs.start(job(3))
        await until_events(client, job(3).workflow_id, 4)  # it is held
    pauses_of(client).replace({})

    kinds = process_of(NEW)
    letters = FakeDeadLetters()
    after = {**fake_ports(orders, mail=MailByOrder({4: refused})), DeadLetters: letters}
    async with job_worker(client, "notifications", kinds, after, draw=lambda low, _: low / 100):
        # Fails under the new name: the letter says that one.
        with pytest.raises(JobDidNotComplete):
            await (await jobs.start(job(4))).result()
        assert (await jobs.of(job(2)).result()).outcome == "done"
        async with asyncio.timeout(60):
            while await release(client) == (0, 0):  # noqa: ASYNC110  # visibility tells nobody by itself
                await asyncio.sleep(0.1)
        assert (await jobs.of(job(3)).result()).outcome == "done"
        assert (await (await jobs.start(job(5))).result()).outcome == "done"

        failed = await client.get_workflow_handle(job(1).workflow_id).fetch_history()
        point = reset_point(failed.events, step=BEFORE)  # as a letter of then says
        story = [(each.number, each.error_type) for each in attempts(failed.events, BEFORE)]
        await client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=job(1).workflow_id, run_id=failed.run_id),
                workflow_task_finish_event_id=point.event_id,
                request_id="redriven",
            )
        )
        assert (await jobs.of(job(1)).result()).outcome == "done"
    ended = [await client.get_workflow_handle(job(number).workflow_id).fetch_history() for number in range(1, 6)]

    assert [called(history) for history in (failed, *ended)] == [
        [BEFORE, BEFORE],
        ["patch", NOW],
        [BEFORE, BEFORE],
        ["patch", NOW],
        ["patch", NOW, NOW],
        ["patch", NOW],
    ]
    assert (point.step, story[0]) == (NOW, (1, "ServiceUnavailable"))
    assert [letter.step for letter in letters.recorded] == [NOW]

    old, new = [failed, ended[1]], [ended[0], ended[2], ended[3], ended[4]]
    # Those that only know the new name, once no job of the earlier one is left.
    assert await problems(ROW, new) == []
    assert await problems(ROW, old) == [job(1).workflow_id, job(2).workflow_id]
    # Code that still has the earlier name, where the new one is announced.
    assert await problems(replace(OLD, step_aliases=ALIASES), [*old, *new]) == []
    assert await problems(OLD, new) != []


async def test_a_run_keeps_to_one_name_also_in_code_that_is_rolled_back(client: Client) -> None:
    new = replace(NEW, workflow=ConfirmingTwice)
    announcing = replace(OLD, workflow=MailingTwice, step_aliases=ALIASES)
    slots = replace(announcing, workflow=MailingWithSlots)
    ports = fake_ports(FakeOrders(*map(an_order, range(1, 4))))
    for order_id, (begins, ends) in enumerate([(new, announcing), (announcing, new), (new, slots)], start=1):
        request = OrderConfirmationRequest(order_id=order_id)
        async with job_worker(client, "notifications", process_of(begins), ports, sandbox=False):
            handle = client.get_workflow_handle((await Jobs(client).start(request)).id)
            await until_events(client, handle.id, 5)
        await handle.signal("again")
        async with job_worker(client, "notifications", process_of(ends), ports, sandbox=False):
            await handle.result()

        history = await handle.fetch_history()
        assert called(history) == (["patch", NOW, NOW] if begins is new else [BEFORE, BEFORE])
        for code in (new, announcing, slots):
            assert await problems(code, [history]) == []


@pytest.mark.parametrize("sandboxed", [True, False])
async def test_histories_of_every_earlier_name_replay(*, sandboxed: bool) -> None:
    runner = hosting.sandboxed() if sandboxed else None
    for kind, now, before in (
        ("order-confirmation", NOW, BEFORE),
        ("report-generation", "report_generation.write_part", "report_generation.write_slice"),
    ):
        renamed = replace(registry.get(kind), step_aliases={now: (now + "_it", before)})
        replayer = job_replayer(process_of(renamed), data_converter, runner=runner)
        for history in recorded(kind, {now: before}):
            await replayer.replay_workflow(history)


async def test_a_chain_keeps_the_name_in_the_middle_and_an_announced_name_is_not_used(client: Client) -> None:
    orders = FakeOrders(an_order(1), an_order(2))
    mailing = replace(OLD, step_aliases={BEFORE: (FIRST,)})
    async with job_worker(client, "notifications", process_of(mailing), fake_ports(orders), sandbox=False):
        await (await Jobs(client).start(OrderConfirmationRequest(order_id=1))).result()
    history = await client.get_workflow_handle("order-confirmation/1").fetch_history()
    announcing = replace(OLD, step_aliases=ALIASES)
    async with job_worker(client, "notifications", process_of(announcing), fake_ports(orders), sandbox=False):
        await (await Jobs(client).start(OrderConfirmationRequest(order_id=2))).result()
    announced = await client.get_workflow_handle("order-confirmation/2").fetch_history()

    assert called(history) == ["patch", BEFORE]
    assert called(announced) == [BEFORE], "the new name is not used yet"
    assert await problems(NEW, [announced]) == []
    assert await problems(replace(ROW, step_aliases={NOW: (BEFORE, FIRST)}), [history]) == []
    assert await problems(replace(ROW, step_aliases={NOW: (BEFORE,)}), [history]) == []


async def test_a_renamed_kinds_steps_can_be_renamed_with_it() -> None:
    both = replace(ROW, aliases=("order-mail",), step_aliases={NOW: ("order_mail.send",)})
    replayer = job_replayer(process_of(both), data_converter)
    for history in recorded("order-confirmation", {"OrderConfirmation": "OrderMail", NOW: "order_mail.send"}):
        await replayer.replay_workflow(history)


def test_policies_letters_and_lists_know_the_earlier_name_as_the_new_one() -> None:
    kinds = process_of(NEW)

    assert step_name(BEFORE) == step_name(NOW) == NOW
    assert steps.policy_of(BEFORE) == steps.policy_of(NOW) == ROW.policy
    assert list(kinds.get("order-confirmation").steps()) == [NOW]
    assert [
        activity._Definition.must_from_callable(step).name
        for step in hosting.bound_steps(NEW, fake_ports(FakeOrders()))
    ] == [
        NOW,
        BEFORE,
    ]


@pytest.mark.parametrize(
    ("aliases", "problem"),
    [
        ({NOW: ("Mail",)}, "name 'Mail' of a step is not of the form 'order_confirmation.send'"),
        ({NOW: (NOW,)}, f"step_aliases name '{NOW}' twice"),
        ({NOW: BEFORE}, f"are names in a tuple: ('{BEFORE}',)"),
        ({NOW: (OTHERS,)}, "is one of another kind's step"),
        ({BEFORE: (FIRST,)}, f"step_aliases name '{BEFORE}', but no activity has one of its names"),
        ({"report_generation.plan": ("report_generation.publish",)}, "are two steps, and cannot be names of one"),
    ],
)
def test_an_earlier_name_that_contradicts_another_one_is_refused(
    aliases: dict[str, tuple[str, ...]], problem: str
) -> None:
    kind = registry.get("report-generation") if "report_generation.plan" in aliases else ROW
    with pytest.raises(RegistryError, match="kind") as refused:
        process_of(registry.get("payment-notice"), replace(kind, step_aliases=aliases))

    assert problem in str(refused.value)


def test_a_new_step_cannot_take_a_name_that_another_kinds_step_had() -> None:
    taking = replace(ROW, step_aliases={NOW: (OTHERS,)})
    with pytest.raises(RegistryError, match="is what a step of another kind is or was called: rename"):
        process_of(taking, registry.get("payment-notice"))
