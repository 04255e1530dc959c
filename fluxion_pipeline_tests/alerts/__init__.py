"""Alerts, without Dagster."""
