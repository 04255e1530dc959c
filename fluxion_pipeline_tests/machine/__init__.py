"""One machine over landing, both sinks and parity: every rule, in any order."""
