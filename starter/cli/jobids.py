"""How a job is named on the command line: `order-confirmation/1042`, or kind and business id apart."""

from __future__ import annotations

from typing import Annotated

import typer

JobId = Annotated[
    str,
    typer.Argument(
        metavar="ID", show_default=False, help="Id of the job, such as order-confirmation/1042; or its kind."
    ),
]
BusinessId = Annotated[
    str | None,
    typer.Argument(
        metavar="[BUSINESS-ID]", show_default=False, help="After a kind: what the job is about, such as 1042."
    ),
]


def job_id(job: str, business_id: str | None) -> str:
    """The job's whole id. Raises typer's BadParameter for a kind without a business id."""
    if business_id is not None:
        return f"{job}/{business_id}"
    if "/" not in job.strip("/"):
        raise typer.BadParameter(f"must be of the form order-confirmation/1042, not {job[:60]!r}", param_hint="ID")
    return job
