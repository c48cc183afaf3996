"""Rows by the provider's Batch API: handed in together and answered within a day. A batch there is a job here."""
