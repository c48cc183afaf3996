"""What is shown: paths or JSON on stdout, all else on stderr. Prints, and is the only room that imports rich."""
