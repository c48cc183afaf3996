"""Pages for a browser on this machine. They load nothing from the network."""
