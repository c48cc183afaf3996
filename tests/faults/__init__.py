"""What goes wrong between a purchase and an image, provoked on real sockets; `outcomes.toml` says how each ends."""
