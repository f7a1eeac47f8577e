"""Lets in who sends a valid API key."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from domain.api_keys import ApiKey
from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType

BEARER = HTTPBearer(
    bearerFormat="dj_<id>_<secret>",
    scheme_name="ApiKey",
    description="A key that `jobs api-keys create NAME` has printed.",
    auto_error=False,
)


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
"""What the request tells of its key; None where that is nothing."""


async def client_of(request: Request, credentials: Credentials) -> ApiKey:
    """Who asks. Raises a Problem, 401, where that isn't known."""
    if credentials is None:
        raise Problem(
            ProblemType.unauthorized,
            "Send an API key: `Authorization: Bearer dj_…`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    key = await parts_of(request.scope).gate.key(credentials.credentials)
    if key is None:
        raise Problem(
            ProblemType.unauthorized,
            "The API key is not valid: it is unknown, expired or revoked.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return key


Client = Annotated[ApiKey, Depends(client_of)]
"""Who asks; the request ends with 401 where that isn't known."""
