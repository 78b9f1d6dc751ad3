"""The page about a night: what may be believed, and what to read first.

`source.read_source` reads the journal, `collect.collect` gathers the facts of the page, and
`render.render` writes them as one HTML file.
"""
