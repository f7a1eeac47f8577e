#!/bin/sh
# The server takes its database's password from the environment alone; it gets there here, out of the file.
set -eu

POSTGRES_PWD="$(cat /run/secrets/temporal_password)"
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
