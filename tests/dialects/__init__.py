"""Servers that behave like each provider and reject what it rejects: from its documents, not from imagecli's rows."""
