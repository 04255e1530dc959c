"""The rules of landing: what a reading may replace, and what every slice must be afterwards.

Each module is one family of rules, decided purely from a reading and the location's past. Writing
what was decided is ``landing.outbox``'s.
"""
