"""Alerts: what is wrong becomes problems, problems become one message each, and messages reach their channels."""
