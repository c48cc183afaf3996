"""Faults between a paid request and a saved image, provoked on real sockets; `outcomes.toml` lists how each ends."""
