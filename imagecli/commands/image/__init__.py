"""What generate, edit and vary share: flags to options, checks, plan, execution."""
