"""Settings, keys and user files: read from flags, environment and files, written when asked to."""
