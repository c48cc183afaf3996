"""A manifest is a file that lists the images to create, a row each. This package reads it, checks all of it, and turns
its rows into requests; it sends nothing.

    file → read_manifest() → RawRow → RowParser.parse() → ParsedRow → build_items() → ManifestItem

A RawRow has the fields as written. A ParsedRow has the values of the row, the flags and `[defaults]`, each parsed. A
ManifestItem is one request with the names of its files; a row with variables makes one for each combination of them.
`load_items` carries this out for all rows, and raises ManifestError with every problem and its line. Whatever the
format, rows have the fields of `schema`, which are the flags' names with underscores.
"""
