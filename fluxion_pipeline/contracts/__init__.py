"""What the rows of each table must be: tables, rules of a row, rejects, canonical text, migrations."""
