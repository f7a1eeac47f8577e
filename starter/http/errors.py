"""Turns what routes and the framework raise into problems."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from domain.errors import InvalidRequest, TransientError
from starter.errors import JobNotFound, StarterError
from starter.http.json_body import problem_of
from starter.http.problems import RETRY_SOON, Problem, ProblemType, not_found, unavailable

_log = logging.getLogger(__name__)


def handle_errors(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Register the handlers of an app with these routers. What none of them takes is for the `LastResort`."""
    routes = [route for router in (app.router, *routers) for route in router.routes if isinstance(route, Route)]
    app.add_exception_handler(HTTPException, partial(_http, routes))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(TransientError, _away)
    app.add_exception_handler(InvalidRequest, _refused)
    app.add_exception_handler(StarterError, _temporal)


async def _http(routes: Sequence[Route], request: Request, exc: Any) -> Response:
    """A problem; or what the framework itself raises: no such route, or not by this method."""
    if isinstance(exc, Problem):
        return exc.response()
    match exc.status_code:
        case 404:
            return not_found("such address here").response()
        case 405:
            allowed = ", ".join(sorted(_methods(routes, request)))
            return Problem(
                ProblemType.method_not_allowed, f"Ask for it by {allowed}.", headers={"Allow": allowed}
            ).response()
        case _:
            return Problem(ProblemType.malformed_request, "The request cannot be read.").response()


def _methods(routes: Sequence[Route], request: Request) -> set[str]:
    """Of all routes of the path: the framework names those of the first one alone."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


async def _invalid(request: Request, exc: Any) -> Response:
    return problem_of(request, exc).response()


async def _away(_: Request, exc: Any) -> Response:
    error: TransientError = exc
    _log.warning("A request could not be served", extra={"action": "unavailable", "why": error.message})
    after = max(1, round(error.retry_after.total_seconds())) if error.retry_after else RETRY_SOON
    return unavailable("The database cannot be used for now. Ask again.", after).response()


async def _refused(_: Request, exc: Any) -> Response:
    """The database has the last word on what fits; our own checks should have found it."""
    error: InvalidRequest = exc
    _log.error("The database refuses what the interface let through", extra={"why": error.message})
    return Problem(ProblemType.invalid_request, "The shop's database refuses the values of this request.").response()


async def _temporal(_: Request, exc: Any) -> Response:
    error: StarterError = exc
    if isinstance(error, JobNotFound):
        return not_found("job with this id").response()
    _log.warning("Temporal could not be asked", extra={"action": "ask", "why": str(error)})
    return unavailable("Temporal, which has the jobs, cannot be asked for now. Ask again.").response()
