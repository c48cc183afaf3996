"""Pictures: what bytes are (no Pillow), what an endpoint takes as input, and the endings users ask for.

The only room besides the sandbox's painter that knows Pillow. It touches no disk, no network and no terminal.
"""
