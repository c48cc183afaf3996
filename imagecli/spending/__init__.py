"""What requests can cost, and did: held against the cap before anything is sent, and while requests run."""
