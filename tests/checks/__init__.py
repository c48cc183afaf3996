"""What can be known before paying."""
