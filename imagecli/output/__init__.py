"""Prints results and progress: paths or JSON on stdout, the rest on stderr. The only package that imports rich."""
