"""A session's moments become rows: aligned, cut from every stream, each with its reason."""
