"""A package whose kind of job gives away all that it finds, as a driver does that quotes its options."""

from __future__ import annotations

from pathlib import Path

from tests.starter.plugins import install

_CODE = '''
import faulthandler
import os
import resource
from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from domain.outcomes import Done, Outcome
    from domain.policies import SYNC
    from domain.requests import EntityId, JobRequest
    from workflows import steps
    from workflows.registry import Kind


def everything(where):
    return f"{where}: cannot connect with {dict(os.environ)!r}"


class LeakRequest(JobRequest):
    """Leak it."""

    order_id: EntityId


class LeakActivities:
    @activity.defn(name="leak.tell")
    async def tell(self, request: LeakRequest) -> None:
        """Can run twice: it does nothing."""
        raise RuntimeError(everything("in a step"))


@workflow.defn
class Leak:
    @workflow.run
    async def run(self, request: LeakRequest) -> Outcome:
        await steps.run(LeakActivities.tell, request)
        return Done()


def ports():
    if os.environ.get("LEAK") == "ports":
        raise KeyError(everything("at the start"))
    return {}


def crash(told):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    os.abort()


if os.environ.get("LEAK") == "crash":
    crash(everything("in a crash"))
if os.environ.get("LEAK") == "import":
    raise OSError(everything("at the import"))

ROW = Kind(LeakRequest, Leak, LeakActivities, "leaks", SYNC, ports=ports)
'''


def install_leaking(folder: Path) -> None:
    """Put it there; `folder` is to be on the path of Python."""
    install(folder, _CODE)
