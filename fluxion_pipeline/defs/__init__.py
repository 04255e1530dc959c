"""The Dagster shell: assets, checks, IO managers, jobs and schedules."""
