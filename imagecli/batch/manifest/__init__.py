"""A manifest is a file that lists the images to create, a row each. This package reads it, checks all of it, and turns
its rows into requests; it sends nothing.

`read.read_manifest` and `read.read_piped_manifest` return the rows as written, `load.load_items` the requests that
they stand for. ManifestError holds every problem with its line. Whatever the format, rows have the fields of `schema`,
which are the flags' names with underscores.
"""
