"""What can go wrong when a job is started or looked at. Every message names the remedy."""

from __future__ import annotations

from domain.errors import NamedError


class StarterError(NamedError, type_name="StarterError"):
    """A job could not be started, or looked at."""


class TemporalUnreachable(StarterError, type_name="TemporalUnreachable"):
    """Temporal does not answer, or not as it should."""


class NotAuthorised(StarterError, type_name="NotAuthorised"):
    """Temporal does not accept our credentials, or does not let them do this."""


class UnknownNamespace(StarterError, type_name="UnknownNamespace"):
    """The namespace does not exist."""


class NotSetUp(StarterError, type_name="NotSetUp"):
    """Temporal lacks what `jobs setup` makes: a search attribute, say."""


class InvalidStart(StarterError, type_name="InvalidStart"):
    """The start, or its options, cannot be accepted."""


class JobNotFound(StarterError, type_name="JobNotFound"):
    """No run has this id: it was never started, or its retention has ended."""


class UnknownOutcome(StarterError, type_name="UnknownOutcome"):
    """The job completed, with an outcome that this code cannot read: a newer version's, say."""


class JobStillRunning(StarterError, TimeoutError, type_name="JobStillRunning"):
    """The job has not ended within the time that the caller would wait."""


class JobDidNotComplete(StarterError, type_name="JobDidNotComplete"):
    """The job ended otherwise than by completing.

    `error_type` is the class of its error (`RecipientRejected`), or the state it ended in; `web_ui` is the run's link.
    """

    def __init__(self, job_id: str, error_type: str, message: str, web_ui: str) -> None:
        self.job_id = job_id
        self.error_type = error_type
        self.message = message
        self.web_ui = web_ui
        super().__init__(f"{job_id}: {error_type}: {message} {web_ui}")


class JobFailed(JobDidNotComplete, type_name="JobFailed"):
    """The job failed: it is a dead letter now."""


class JobCancelled(JobDidNotComplete, type_name="JobCancelled"):
    """The job was cancelled."""


class JobTerminated(JobDidNotComplete, type_name="JobTerminated"):
    """Someone terminated the job."""


class JobTimedOut(JobDidNotComplete, type_name="JobTimedOut"):
    """The job was ended by a time limit of the whole run."""
