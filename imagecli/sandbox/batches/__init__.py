"""`/v1/batches`: files of requests that are processed within ten minutes of the sandbox's clock."""
