"""Images as terminals show them: the choice of a protocol, the layout in cells, and an encoder for each protocol."""
