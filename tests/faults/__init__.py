"""What goes wrong between a purchase and a picture, provoked on real sockets; `outcomes.toml` says how each ends."""
