"""Each database and how it is made equal to the newest images."""
