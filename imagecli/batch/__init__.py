"""Many at once: a manifest's rows become items that are bought together, and a journal remembers what was bought.

`manifest` reads the file, checks its rows and says what each buys and where it goes; nothing there sends.
"""
