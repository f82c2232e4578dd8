#!/bin/sh
# Run once by the database's container: the application's role, which owns nothing.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
    --set password="$(cat /run/secrets/app_password)" <<'SQL'
CREATE ROLE dme_app LOGIN PASSWORD :'password';
SQL
