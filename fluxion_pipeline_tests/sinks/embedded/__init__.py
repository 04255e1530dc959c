"""Tests of the embedded PostgreSQL: real servers, killed, copied and run by several OS users."""
