"""What a study serves: routes, pages and who may ask."""
