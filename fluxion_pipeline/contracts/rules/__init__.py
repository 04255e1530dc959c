"""The rules of a row: raw text in, typed rows and rejected rows out, the same for every source.

``layout`` declares what a source's columns are, ``text`` and ``values`` say the rules as DuckDB
SQL, ``decimals`` decides the few numbers that SQL would get wrong, ``judge`` runs them over an Arrow
table of text, ``rejects`` writes down what was refused. Reading files and answers is the sources'.
"""
