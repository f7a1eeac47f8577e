"""What `Jobs.testing()` and `SyncJobs.testing()` give."""
