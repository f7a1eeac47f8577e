"""Monthly reports: ask for the month before, for each subscription once that month is over in its time zone."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from activities.monthly_reports import MonthlyReportsActivities as Activities
from domain.monthly_reports import MonthlyReportsRequest, MonthlyReportsRun
from domain.outcomes import Done, Outcome, Skipped
from workflows import steps
from workflows.scheduling import scheduled_run


@workflow.defn(name="MonthlyReports")
class MonthlyReports:
    """Asks for the reports of the month before."""

    @workflow.run
    async def run(self, request: MonthlyReportsRequest) -> Outcome:
        """Ask for what can be asked for by now; wait, and ask again, where time zones come later."""
        run = scheduled_run(request)
        while True:
            told = MonthlyReportsRun(**dict(run), now=workflow.now())
            asked = await steps.run_regular(Activities.ask, told)

            if asked.skipped:
                return Skipped(reason=asked.skipped)
            if asked.again_at is None:
                return Done(reference=f"{asked.month}: asked for {asked.asked}")
            workflow.set_current_details(f"Waits until {asked.month} is over in the time zones of all.")
            wait = max(asked.again_at - workflow.now(), timedelta(seconds=1))
            await workflow.sleep(wait, summary=f"Wait until {asked.month} is over everywhere")
