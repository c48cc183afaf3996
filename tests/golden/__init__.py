"""Files that imagecli at 48b1051 wrote and read: later versions must read them with the same meaning."""
