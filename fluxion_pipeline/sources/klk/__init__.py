"""The source ``klk``: the REST service of the stores' tills.

``ask`` gets an answer onto the disk, ``stream`` takes it apart line by line, ``lines`` makes rows of
text of it, the rules of a row (``contracts.rules``) judge them; ``source`` puts readings together.
"""

from fluxion_pipeline.sources.klk.ask import Patience
from fluxion_pipeline.sources.klk.source import KlkSource

__all__ = ["KlkSource", "Patience"]
