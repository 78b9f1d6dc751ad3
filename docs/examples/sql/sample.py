"""Run the query on a small sample, and print its plan and its rows."""

import sqlite3
from pathlib import Path

database = sqlite3.connect(":memory:")
database.executescript(Path("schema.sql").read_text())
database.execute("INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bob')")
database.execute("INSERT INTO orders VALUES (1, 1, 500), (2, 1, 250)")
query = Path("query.sql").read_text()
for *_, step in database.execute(f"EXPLAIN QUERY PLAN {query}"):
    print(f"plan: {step}")
for row in database.execute(query):
    print(f"row: {row}")
