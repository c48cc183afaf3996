"""Prints results and progress: paths or JSON on stdout, everything else on stderr. The only package that imports rich."""
