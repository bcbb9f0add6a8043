"""The database: schema, migrations, the single writer, and every question asked of the tables.

The rule: only this room imports duckdb, only `Store.apply` changes data, and SQL text lives in
`.sql` files or is generated from a processor's row types.
"""
