"""`/v1/files`: what is uploaded for batches and edits, and what batches leave."""
