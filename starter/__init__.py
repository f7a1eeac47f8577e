"""Starting jobs from application code: `from starter import Jobs`."""

from domain.order_confirmation import OrderConfirmationRequest
from starter.errors import JobDidNotComplete, JobNotFound, StarterError
from starter.handle import JobHandle
from starter.jobs import Jobs
from starter.status import JobState, JobStatus, JobSummary

__all__ = [
    "JobDidNotComplete",
    "JobHandle",
    "JobNotFound",
    "JobState",
    "JobStatus",
    "JobSummary",
    "Jobs",
    "OrderConfirmationRequest",
    "StarterError",
]
