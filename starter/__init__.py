"""Starting jobs from application code: `from starter import Jobs`, or `SyncJobs`."""

from domain.order_confirmation import OrderConfirmationRequest
from starter.errors import JobDidNotComplete, JobFailed, JobNotFound, JobStillRunning, StarterError
from starter.handle import JobHandle
from starter.jobs import Jobs
from starter.start_many import SomeNotStarted
from starter.status import JobState, JobStatus, JobSummary
from starter.sync_jobs import SyncJobHandle, SyncJobs

__all__ = [
    "JobDidNotComplete",
    "JobFailed",
    "JobHandle",
    "JobNotFound",
    "JobState",
    "JobStatus",
    "JobStillRunning",
    "JobSummary",
    "Jobs",
    "OrderConfirmationRequest",
    "SomeNotStarted",
    "StarterError",
    "SyncJobHandle",
    "SyncJobs",
]
