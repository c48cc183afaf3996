"""A manifest: the file that says what to make. Read, checked whole, and turned into what is bought; sends nothing.

`read_manifest` and `read_piped_manifest` give its rows as they were written, `load_items` what they ask for;
ManifestError holds all that is wrong, line by line. Rows have the flags' fields (`fields`), whatever the format.
"""
