"""Batch: the rows of a manifest become items that are created together; a journal records what was created.

`manifest` reads the file, checks its rows, and determines what each creates and where; it sends nothing.
"""
