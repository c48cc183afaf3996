"""Images in memory: identified and checked, fitted to an endpoint's input rules, converted to other formats.

Besides the sandbox, the only package that uses Pillow. It does no I/O.
"""
