"""The page that explains a dataset: `report.html`."""
