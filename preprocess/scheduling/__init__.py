"""Who builds which session where: one process, several, or a Dask cluster."""
