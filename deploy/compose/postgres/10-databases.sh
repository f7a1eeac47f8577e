#!/bin/sh
# Run once by the image of PostgreSQL, when its volume is new: a database and an account for the shop, and for Temporal
# its two with an account of its own.
set -eu

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set shop_password `cat /run/secrets/shop_password`
\set temporal_password `cat /run/secrets/temporal_password`
CREATE ROLE shop LOGIN PASSWORD :'shop_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE shop OWNER shop;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE shop, temporal, temporal_visibility FROM PUBLIC;
SQL
