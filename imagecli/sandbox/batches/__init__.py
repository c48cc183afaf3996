"""`/v1/batches`: a file of requests that is answered later, in ten minutes of the sandbox's clock."""
