"""The source ``stellar``: the SQL Server of the CEDIs, and of stores before they moved to KLK.

``tables`` says what is there, ``questions`` what is asked of it, ``connect`` opens a connection and names
its failures, ``fetch`` streams rows into columns of text, the rules of a row (``contracts.rules``) judge
them; ``source`` puts readings together.
"""

from fluxion_pipeline.sources.stellar.connect import Waits
from fluxion_pipeline.sources.stellar.source import StellarSource

__all__ = ["StellarSource", "Waits"]
