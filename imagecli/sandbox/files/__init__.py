"""`/v1/files`: uploads for batches and edits, and the output of batches."""
