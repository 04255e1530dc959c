"""From a store's system to a reading: rows, rejects and how the store answered."""
