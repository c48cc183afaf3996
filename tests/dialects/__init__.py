"""Servers that speak as each provider does and refuse what it refuses: typed from documents, not from our rows."""
