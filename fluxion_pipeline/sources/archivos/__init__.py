"""The source ``archivos``: CSV and Parquet files that stores drop into a folder."""

from fluxion_pipeline.sources.archivos.sample import sample_path
from fluxion_pipeline.sources.archivos.source import ArchivosSource, open_source

__all__ = ["ArchivosSource", "open_source", "sample_path"]
