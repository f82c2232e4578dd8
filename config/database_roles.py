"""The two database roles. The owner migrates and owns the tables; the application's role only reads and
writes rows, so that what a trigger or a withdrawn right protects is protected from the application too."""

import psycopg
from psycopg import sql

EXTENSIONS = ("citext", "pg_trgm", "btree_gist", "unaccent")
TABLE_RIGHTS = sql.SQL("SELECT, INSERT, UPDATE, DELETE")


def prepare(owner: psycopg.Connection, app_role: str) -> None:
    """Extensions, and default rights of `app_role` on every table the owner will make. Safe to repeat."""
    for name in EXTENSIONS:
        owner.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
    role = sql.Identifier(app_role)
    owner.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    owner.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
    default = sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {} ON {} TO {}")
    owner.execute(default.format(TABLE_RIGHTS, sql.SQL("TABLES"), role))
    owner.execute(default.format(sql.SQL("USAGE, SELECT"), sql.SQL("SEQUENCES"), role))
