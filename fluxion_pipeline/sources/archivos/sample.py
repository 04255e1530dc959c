"""Where the sample of real data lies that ships with the package."""

from __future__ import annotations

from pathlib import Path

import fluxion_pipeline.sources


def sample_path() -> Path:
    """The folder of the shipped sample: 19 stores, 14 days of real sales, simulated stock."""
    return Path(fluxion_pipeline.sources.__file__).with_name("sample")
