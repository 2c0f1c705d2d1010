"""How a study's database came from one version to the next; run by `migrate.py` through Alembic."""
