"""What a job has done, in a line."""

from __future__ import annotations

from domain.outcomes import Done


def done(outcome: Done) -> str:
    """Its reference and facts, as far as there are any: `files/… (rows 31, bytes 48213)`."""
    facts = ", ".join(f"{name} {value}" for name, value in outcome.facts.items())
    return f"{outcome.reference} ({facts})" if outcome.reference and facts else outcome.reference or facts
