"""`jobs setup`: can be run again, by two at once, and with one of the two servers away."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from adapters.db import migrate
from demo.stack import Stack
from starter.setup import missing_search_attributes, wanted_search_attributes
from tests.starter.commandline import CommandLine, Finished
from tests.starter.serving import MakeNamespace
from workflows.registry import registry

ATTRIBUTES = ", ".join(wanted_search_attributes())


@pytest.fixture
async def fresh(make_namespace: MakeNamespace) -> Client:
    """Of a namespace in which nothing is set up."""
    return await make_namespace()


@pytest.fixture
def setup_line(stack: Stack, fresh: Client, empty_database: str) -> CommandLine:
    """For that namespace and an empty database."""
    return CommandLine({**stack.environment(), "TEMPORAL_NAMESPACE": fresh.namespace, "DATABASE_URL": empty_database})


def _changes(done: Finished) -> dict[str, bool]:
    return {part["part"]: part["changed"] for part in done.document["parts"]}


async def test_setup_makes_everything_once_and_says_that_it_was_there_the_second_time(
    setup_line: CommandLine, fresh: Client, empty_database: str
) -> None:
    first = await setup_line("setup")
    second = await setup_line("setup")

    assert (first.status, first.err, second.status, second.err) == (0, "", 0, "")
    head = migrate.head()
    assert first.out.splitlines() == [
        f"database: schema is now at revision {head}",
        f"kinds: wrote {len(registry)} of {len(registry)} for enqueue_job: {', '.join(kind.name for kind in registry)}",
        f"search attributes: added {ATTRIBUTES}",
        "retention: jobs that have ended are now kept for 30 days",
    ]
    assert second.out.splitlines() == [
        f"database: schema was at revision {head} already",
        f"kinds: {len(registry)} for enqueue_job {'was' if len(registry) == 1 else 'were'} there already",
        f"search attributes: {ATTRIBUTES} were there already",
        "retention: jobs that have ended were kept for 30 days or more already",
    ]
    assert await migrate.current(empty_database) == head
    assert await missing_search_attributes(fresh) == []
    described = await fresh.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=fresh.namespace))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == 30


@pytest.mark.long
async def test_setups_that_run_at_once_all_succeed(setup_line: CommandLine, fresh: Client) -> None:
    done = await asyncio.gather(*(setup_line("setup", "--json") for _ in range(4)))

    assert [one.status for one in done] == [0, 0, 0, 0], [one.err for one in done]
    assert await missing_search_attributes(fresh) == []
    assert set(_changes(await setup_line("setup", "--json")).values()) == {False}


async def test_with_temporal_away_the_database_is_set_up_all_the_same(
    setup_line: CommandLine, empty_database: str
) -> None:
    done = await setup_line("setup", "--json", TEMPORAL_ADDRESS="127.0.0.1:1")

    assert done.status == 1
    assert done.document["error"]["type"] == "TemporalUnreachable"
    assert _changes(done) == {"database": True, "kinds": True, "temporal": False}
    assert await migrate.current(empty_database) == migrate.head()


async def test_with_the_database_away_temporal_is_set_up_all_the_same(setup_line: CommandLine, fresh: Client) -> None:
    done = await setup_line("setup", DATABASE_URL="postgresql://shop:hunter2@127.0.0.1:1/shop")

    assert done.status == 1
    assert f"search attributes: added {ATTRIBUTES}" in done.out
    assert done.err == (
        "Error: database: The database cannot be reached (ECONNREFUSED). "
        "Is PostgreSQL running at postgresql://shop:********@127.0.0.1:1/shop (DATABASE_URL)?\n"
    )
    assert await missing_search_attributes(fresh) == []


async def test_a_database_url_that_makes_no_sense_is_told(setup_line: CommandLine) -> None:
    done = await setup_line("setup", DATABASE_URL="mysql://root:hunter2@127.0.0.1/shop")

    assert done.status == 1
    assert "DATABASE_URL is not of the form postgresql://user:password@host:port/name." in done.err
    assert "hunter2" not in done.out + done.err


async def test_a_search_attribute_of_another_type_is_told_with_the_remedy(
    setup_line: CommandLine, fresh: Client
) -> None:
    await fresh.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=fresh.namespace, search_attributes={"OrderId": IndexedValueType.INDEXED_VALUE_TYPE_INT}
        )
    )

    done = await setup_line("setup")

    assert done.status == 1
    assert "The search attribute OrderId of namespace" in done.err
    assert "temporal operator search-attribute remove --name OrderId" in done.err
    assert "`python -m starter setup` again" in done.err
    assert "retention: jobs that have ended are now kept for 30 days" in done.out
