"""Files on the local disk: read safely, written atomically, kept inside their folder."""
