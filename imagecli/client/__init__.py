"""The wire: the only rooms that talk HTTP or touch the spool. They know nothing of models, prompts or pictures."""
