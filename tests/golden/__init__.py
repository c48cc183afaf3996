"""What imagecli at 48b1051 wrote and read, kept as files: a later one has to read it and mean the same."""
