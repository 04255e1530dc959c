"""The source ``stellar``."""
