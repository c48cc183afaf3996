"""Checks of a request against its model, before anything is paid for."""
