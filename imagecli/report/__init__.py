"""What is shown: paths or JSON on stdout, all else on stderr. The only room that prints, and that imports rich."""
