"""How many jobs of a queue are at work at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import pytest

from domain.ports import MailSender
from workflows.registry import Kind, registry
from workflows.slots import Slots, slots_of

MAILING = registry.get("order-confirmation")


class Quick(Protocol):
    """A port that serves as many calls as there may be."""


class Activities:
    def __init__(self, quick: Quick) -> None: ...


QUICK: Kind = replace(MAILING, activities=Activities, queue="quick")
LETTERS: Kind = replace(MAILING, queue="letters")


def test_a_queue_whose_ports_have_no_bound_has_what_the_setting_says() -> None:
    assert slots_of("quick", [QUICK, MAILING], most=40, at_once={MailSender: 4}) == Slots(tasks=40, steps=40)


@pytest.mark.parametrize(("connections", "expected"), [(1, Slots(10, 2)), (4, Slots(16, 8)), (100, Slots(40, 40))])
def test_a_queue_that_sends_mail_has_two_steps_a_connection_and_some_tasks_on_the_way(
    connections: int, expected: Slots
) -> None:
    assert slots_of("notifications", [MAILING], most=40, at_once={MailSender: connections}) == expected


def test_queues_of_one_process_share_the_connections() -> None:
    served = [MAILING, LETTERS, QUICK]

    each = {kind.queue: slots_of(kind.queue, served, most=40, at_once={MailSender: 4}).steps for kind in served}

    assert each == {"notifications": 4, "letters": 4, "quick": 40}


def test_where_there_are_more_queues_than_connections_each_has_one_step() -> None:
    served = [replace(MAILING, queue=name) for name in ("a", "b", "c")]

    assert slots_of("a", served, most=40, at_once={MailSender: 1}).steps == 1


def test_kinds_of_one_queue_count_as_one() -> None:
    served = [MAILING, replace(LETTERS, queue=MAILING.queue)]

    assert slots_of(MAILING.queue, served, most=40, at_once={MailSender: 4}).steps == 8


@pytest.mark.parametrize("most", [2, 5])
def test_the_setting_bounds_them_all_and_leaves_what_temporal_needs(most: int) -> None:
    assert slots_of("notifications", [MAILING], most=most, at_once={MailSender: 4}) == Slots(most, most)
