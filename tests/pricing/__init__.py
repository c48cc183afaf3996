"""What requests cost, and the cap they are held to."""
