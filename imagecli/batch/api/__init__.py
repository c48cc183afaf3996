"""Rows in the provider's Batch API: submitted together, with results within a day. A batch there is a job here."""
