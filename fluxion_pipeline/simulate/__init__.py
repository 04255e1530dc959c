"""Systems that the chain has and a development machine doesn't, served from a folder of drops: for demos, tests and training.

Nothing of the pipeline reads this; it is reached over a socket like the real thing.
"""
