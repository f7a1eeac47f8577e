"""`jobs kinds`: the kinds of job, and how each is retried. The README's table is made of them too."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from domain.errors import PERMANENT
from domain.policies import Policy
from domain.values import Value
from starter.cli.output import Output
from starter.cli.values import duration
from workflows.registry import Kind, Registry


class KindRow(Value):
    """One kind. Durations are text."""

    kind: str
    fields: tuple[str, ...]
    """Of the request."""
    steps: tuple[str, ...]
    queue: str
    policy: str
    purpose: str
    """Of the policy."""
    retries: int
    waits: tuple[str, ...]
    """Before each retry; drawn anew each time from between the two."""
    attempt_limit: str
    deadline: str
    """For a step with all its attempts and waits."""
    heartbeat: str | None
    restart: str
    """Who runs a failed job anew."""

    @classmethod
    def of(cls, kind: Kind) -> KindRow:
        """From the registry's row."""
        policy = kind.policy
        return cls(
            kind=kind.name,
            fields=tuple(kind.request.model_fields),
            steps=tuple(kind.steps()),
            queue=kind.queue,
            policy=policy.name,
            purpose=policy.purpose,
            retries=policy.retries,
            waits=waits(policy),
            attempt_limit=duration(policy.attempt_limit),
            deadline=duration(policy.deadline),
            heartbeat=duration(policy.heartbeat) if policy.heartbeat else None,
            restart="any new start" if kind.restart_after_failure else "a redrive or --restart",
        )


_TO = "\N{EN DASH}"

COLUMNS = (
    "kind",
    "fields",
    "queue",
    "policy",
    "waits before retries",
    "attempt",
    "deadline",
    "heartbeat",
    "run anew by",
)
"""Headings of `cells`."""


def rows(kinds: Registry) -> list[KindRow]:
    """One row a kind, by name."""
    return [KindRow.of(kind) for kind in kinds]


def cells(row: KindRow) -> list[str]:
    """A row of the table."""
    return [
        row.kind,
        ", ".join(row.fields),
        row.queue,
        f"{row.policy}, {row.retries} {'retry' if row.retries == 1 else 'retries'}",
        ", ".join(row.waits) or "none",
        row.attempt_limit,
        row.deadline,
        row.heartbeat or "none",
        row.restart,
    ]


def markdown_table(kinds: Registry) -> str:
    """The table and its note in Markdown, as it stands in the README; ends with a newline."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| " + " | ".join("---" for _ in COLUMNS) + " |"]
    lines += ["| " + " | ".join(_code(row)) + " |" for row in rows(kinds)]
    return "\n".join([*lines, "", note(code=True)]) + "\n"


def note(*, code: bool = False) -> str:
    """What the table does not show: how a wait is chosen, and which errors are not retried."""
    names = ", ".join(f"`{name}`" if code else name for name in PERMANENT)
    return (
        "Each wait is drawn anew from between the two, and is never shorter than the other side's Retry-After. "
        "The attempt's limit is for one attempt, the deadline for a step with all its attempts and waits; a wait that "
        f"would pass the deadline fails the step at once. Not retried: {names}, and those that single kinds "
        "declare so. Every other error is."
    )


def waits(policy: Policy) -> tuple[str, ...]:
    """The timetable of a policy, a span for each wait: from 5 to 10 s, from 10 to 20 s, from 20 to 40 s."""
    return tuple(_span(wait) for wait in policy.waits)


def _span(shortest: timedelta) -> str:
    low, high = duration(shortest), duration(2 * shortest)
    number, _, unit = low.partition(" ")
    same_unit = " " not in unit and unit == high.partition(" ")[2]
    return f"{number}{_TO}{high}" if same_unit else f"{low} {_TO} {high}"


def _code(row: KindRow) -> list[str]:
    first, fields, queue, *others = cells(row)
    return [f"`{first}`", ", ".join(f"`{name}`" for name in fields.split(", ")), f"`{queue}`", *others]


def add_to(app: typer.Typer, known: Registry, out: Output) -> None:
    """Add the command."""

    @app.command(epilog=out.examples("kinds", "kinds --markdown"))
    def kinds(
        markdown: Annotated[bool, typer.Option("--markdown", metavar="", help="Print the README's table.")] = False,
    ) -> int:
        """Show every kind of job: its request's fields, its queue, its retries, waits and time limits."""
        if markdown and out.as_json:
            raise typer.BadParameter("choose one of --markdown and --json", param_hint="--markdown")
        if markdown:
            out.say(markdown_table(known).rstrip("\n"))
            return 0
        found = rows(known)
        out.document([{**row.model_dump(mode="json"), "permanent_error_types": PERMANENT} for row in found])
        if not out.as_json:
            for row in found:
                out.details(list(zip(COLUMNS, cells(row), strict=True)))
                out.say()
            out.note(note())
        return 0
