"""The tables and figures of the papers, from datasets at hand."""
