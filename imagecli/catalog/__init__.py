"""The catalogue: what models take and how providers are spoken to, as rows of data with source and date."""
