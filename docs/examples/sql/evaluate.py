"""The fixed evaluation: the rows of the query, and the steps of SQLite's virtual machine.

The query may only read: SQLite asks `authorize` about all that it would do.
"""

import os
import random
import sqlite3
import sys
from collections import Counter
from pathlib import Path

MOST = 3_000_000
ALLOWED = {
    *(sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION),
    sqlite3.SQLITE_RECURSIVE,
}


def authorize(action, *_):
    return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY


def count():
    """Count a step; a result that is not 0 ends the query."""
    global steps
    steps += 1
    return steps > MOST


draw = random.Random("orders")
customers = [(n, f"customer {n % 37}") for n in range(60)]
orders = [(n, draw.randrange(50), draw.randrange(10_000)) for n in range(500)]
right = Counter()
for number, name in customers:
    cents = [amount for _, customer, amount in orders if customer == number]
    right[name, len(cents), sum(cents)] += 1

database = sqlite3.connect(":memory:")
database.executescript(Path("schema.sql").read_text())
database.executemany("INSERT INTO customers VALUES (?, ?)", customers)
database.executemany("INSERT INTO orders VALUES (?, ?, ?)", orders)
database.set_authorizer(authorize)
database.set_progress_handler(count, 1)
steps = 0
try:
    found = Counter(database.execute(Path(os.environ["OURO_CANDIDATE"], "query.sql").read_text()))
except sqlite3.Error as error:
    sys.exit(f"the query failed after {steps} steps: {error}")
print(f"wrong_rows: {sum((found - right).values()) + sum((right - found).values())}")
print(f"steps: {steps}")
