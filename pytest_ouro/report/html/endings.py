"""How the names of reports end: the page, its picture."""

PAGES = (".html", ".htm")
REPORTS = (*PAGES, ".svg", ".png")
