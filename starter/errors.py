"""What can go wrong when a job is started or looked at. Every message names the remedy."""

from __future__ import annotations


class StarterError(Exception):
    """A job could not be started, or looked at."""


class TemporalUnreachable(StarterError):
    """Temporal does not answer, or not as it should."""


class NotAuthorised(StarterError):
    """Temporal does not accept our credentials, or does not let them do this."""


class UnknownNamespace(StarterError):
    """The namespace does not exist."""


class NotSetUp(StarterError):
    """Temporal lacks what `jobs setup` makes: a search attribute, say."""


class InvalidStart(StarterError):
    """The start, or its options, cannot be accepted."""


class WrongKeys(InvalidStart):
    """The encryption keys of this process are not those that jobs need."""


class JobNotFound(StarterError):
    """No run has this id: it was never started, or its retention has ended."""


class UnknownOutcome(StarterError):
    """The job completed, with an outcome that this code cannot read: a newer version's, say."""


class JobStillRunning(StarterError, TimeoutError):
    """The job has not ended within the time that the caller would wait."""


class JobDidNotComplete(StarterError):
    """The job ended otherwise than by completing.

    `error_type` is the class of its error (`RecipientRejected`), or the state it ended in; `web_ui` is the run's link.
    """

    def __init__(self, job_id: str, error_type: str, message: str, web_ui: str) -> None:
        self.job_id = job_id
        self.error_type = error_type
        self.message = message
        self.web_ui = web_ui
        super().__init__(f"{job_id}: {error_type}: {message} {web_ui}")


class JobFailed(JobDidNotComplete):
    """The job failed: it is a dead letter now."""


class JobCancelled(JobDidNotComplete):
    """The job was cancelled."""


class JobTerminated(JobDidNotComplete):
    """Someone terminated the job."""


class JobTimedOut(JobDidNotComplete):
    """The job was ended by a time limit of the whole run."""
