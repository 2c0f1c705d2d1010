"""The study's database: raters, links, videos, assignments, takes and their chunks."""
