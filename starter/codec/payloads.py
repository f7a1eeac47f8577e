"""What the codec server is asked to do: `{"payloads": [...]}` in, the same out, as Temporal's protocol has it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from starter.http.problems import Problem, ProblemType
from workflows.data_converter import EncryptionKeyMissing

_log = logging.getLogger(__name__)


def converted(body: bytes, convert: Callable[[Payload], Payload]) -> tuple[str, int]:
    """The answer, and how many payloads were changed. Raises a Problem, 400.

    A payload whose key is not here stays as it is: the others are to be seen all the same.
    """
    try:
        asked = Parse(body.decode(), Payloads())
    except (ParseError, UnicodeDecodeError):
        # Without the text, which quotes the body.
        raise Problem(ProblemType.malformed_request, 'Send JSON of the form {"payloads": […]}.') from None
    changed = 0
    answer = Payloads()
    for payload in asked.payloads:
        try:
            made = convert(payload)
        except EncryptionKeyMissing as exc:
            _log.warning(exc.message, extra={"action": "decode"})
            made = payload
        changed += made is not payload
        answer.payloads.append(made)
    return MessageToJson(answer, indent=None), changed
