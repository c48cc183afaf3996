"""What requests cost: estimated before, computed from usage after, and limited."""
