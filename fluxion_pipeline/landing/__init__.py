"""Where a reading becomes the images that every sink must hold: the only place that decides."""
