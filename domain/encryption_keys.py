"""Where a process gets its encryption keys, as messages call it."""

WHERE = "JOBS_ENCRYPTION_KEYS, or the file that JOBS_ENCRYPTION_KEYS_FILE names"
