"""The PostgreSQL sink: a server, embedded or not."""
