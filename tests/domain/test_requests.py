from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from domain.mail import message_id
from domain.order_confirmation import OrderConfirmationRequest
from domain.requests import EntityId, JobRequest, ShortText


@given(st.integers(1, 2**63 - 1))
def test_the_workflow_id_is_kind_and_business_id(order_id: int) -> None:
    request = OrderConfirmationRequest(order_id=order_id)

    assert request.workflow_id == f"order-confirmation/{order_id}"
    assert request.ids == {"OrderId": str(order_id)}
    assert request.summary == f"Order confirmation {order_id}"


@pytest.mark.parametrize("bad", [0, -1, 2**63, "abc", None, 1.5])
def test_an_order_id_that_no_row_can_have_is_refused(bad: object) -> None:
    with pytest.raises(ValidationError, match="order_id"):
        OrderConfirmationRequest.model_validate({"order_id": bad})


def test_a_request_is_frozen_and_takes_no_other_field() -> None:
    with pytest.raises(ValidationError, match="email"):
        OrderConfirmationRequest(order_id=1, email="ada@example.com")  # type: ignore[call-arg]  # wrong on purpose
    request = OrderConfirmationRequest(order_id=1)
    with pytest.raises(ValidationError, match="frozen"):
        request.order_id = 2  # type: ignore[misc]  # wrong on purpose


def test_a_request_that_is_not_ids_or_has_no_kind_is_refused_when_the_class_is_made() -> None:
    class Order(BaseModel):
        id: int

    with pytest.raises(TypeError, match="holds ids, dates and choices only"):

        class BigRequest(JobRequest):
            order: Order

    with pytest.raises(TypeError, match="limit its length"):

        class LongRequest(JobRequest):
            body: str

    with pytest.raises(TypeError, match="<Noun>Request"):

        class Nameless(JobRequest):
            order_id: EntityId

    with pytest.raises(TypeError, match="delay and job_delay would both be given by --job-delay"):

        class TwiceRequest(JobRequest):
            delay: EntityId
            job_delay: EntityId

    with pytest.raises(TypeError, match="draft and no_draft would both be given by --no-draft"):

        class DraftRequest(JobRequest):
            draft: bool | None = None
            no_draft: EntityId


def test_every_kind_of_plain_field_is_accepted_and_named_in_temporal() -> None:
    class PaymentCallbackRequest(JobRequest):
        event_id: ShortText
        customer_id: EntityId | None = None
        channel: Literal["mail", "sms"] = "mail"
        note: Annotated[str, Field(max_length=10)] = "x"

    request = PaymentCallbackRequest(event_id="evt_1")

    assert request.kind == "payment-callback"
    assert request.search_attributes() == {"event_id": "EventId", "customer_id": "CustomerId"}
    assert request.ids == {"EventId": "evt_1"}


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_message_id_depends_on_the_delivery_alone_and_tells_nothing_of_it(one: str, other: str) -> None:
    first = message_id(one, "shop.example.com")

    assert first == message_id(one, "shop.example.com")
    assert (first == message_id(other, "shop.example.com")) == (one == other)
    assert first.isascii()
    assert first.endswith("@shop.example.com>")
