"""The HTTP client and the spool of received responses. It knows nothing of models, prompts or images."""
