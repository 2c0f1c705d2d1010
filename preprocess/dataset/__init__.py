"""The dataset on disk: its record, its files, their reader, writer and check."""
