"""What Alembic runs: the migrations, on the connection and in the transaction that `migrate.py` gives.

Alembic loads this file and those in `versions/` by their paths, so they import nothing of mavfer.
"""

from alembic import context

given = context.config.attributes
context.configure(
    connection=given["connection"],
    target_metadata=given["metadata"],
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,
)
context.run_migrations()
