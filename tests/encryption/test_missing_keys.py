"""No job fails because a worker lacks a key: it waits until one comes that has it."""

from __future__ import annotations

import asyncio
import logging
import uuid

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from activities.interceptor import RetryInterceptor
from starter import Jobs, JobState
from tests.encryption.conftest import Having
from tests.encryption.diary import KINDS, DiaryEntryActivities, DiaryEntryRequest, kinds
from workflows.data_converter import data_converter
from workflows.encryption import Keyring, encrypting
from workflows.hosting import job_worker
from workflows.kinds import policies_of

QUEUE = "diaries"


async def event_of(client: Client, job_id: str, event_type: EventType.ValueType) -> HistoryEvent:
    """The run's first event of this type, once there is one."""
    handle = client.get_workflow_handle(job_id)
    async with asyncio.timeout(60):
        # Temporal itself waits for the next event.
        async for event in handle.fetch_history_events(wait_new_event=True, skip_archival=True):
            if event.event_type == event_type:
                return event
    raise AssertionError(f"{job_id} ended without it")


async def test_a_job_that_a_worker_cannot_decrypt_runs_on_when_the_key_is_there(
    having: Having, entry_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    right = await having("k1")

    async def outlasts(number: int, converter: DataConverter) -> None:
        lacking, known = await having(converter=converter), kinds(f"diaries-{number}")
        request = DiaryEntryRequest(entry_id=entry_id + 100_000 * number, hint=uuid.uuid4().hex)
        job = await Jobs(right, kinds=known).start(request)
        async with job_worker(lacking, f"diaries-{number}", known, {}, sandbox=False):
            failed = await event_of(lacking, job.id, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
            state = (await job.status()).state
        async with job_worker(right, f"diaries-{number}", known, {}, sandbox=False, draw=lambda low, _: low / 10):
            outcome = await job.result()

        told = failed.workflow_task_failed_event_attributes.failure
        assert (told.application_failure_info.type, state) == ("EncryptionKeyMissing", JobState.running)
        # For those who have no key either.
        assert "'k1'" in told.message
        assert "JOBS_ENCRYPTION_KEYS" in told.message
        assert outcome.outcome == "done"

    no_keys = data_converter
    another_of_the_same_id = encrypting(data_converter, Keyring({"k1": bytes(32)}))
    await asyncio.gather(*(outlasts(*case) for case in enumerate((no_keys, another_of_the_same_id))))


async def test_a_step_whose_worker_cannot_decrypt_its_arguments_keeps_its_attempts(
    having: Having, entry_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    right, lacking, hint = await having("k1"), await having("k2"), uuid.uuid4().hex
    job = await Jobs(right, kinds=KINDS).start(DiaryEntryRequest(entry_id=entry_id, hint=hint))

    def steps_alone(client: Client) -> Worker:
        interceptors = [RetryInterceptor(policies_of(KINDS), draw=lambda low, _: low / 10)]
        written = DiaryEntryActivities().write
        return Worker(client, task_queue=QUEUE, activities=[written], interceptors=interceptors)

    async with job_worker(
        right, QUEUE, KINDS, {}, sandbox=False, draw=lambda low, _: low / 10, no_remote_activities=True
    ):
        async with steps_alone(lacking):
            failed = await event_of(right, job.id, EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
            waiting = await job.status()
        async with steps_alone(right):
            outcome = await job.result()

    told = failed.activity_task_failed_event_attributes.failure
    assert told.application_failure_info.type == "EncryptionKeyMissing"
    assert "'k1'" in told.message
    assert waiting.state is JobState.running
    assert outcome.outcome == "done"
