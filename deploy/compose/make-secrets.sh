#!/bin/sh
# Makes the secrets that docker-compose.yml names, in deploy/compose/secrets. What is there already stays, so it can be
# run again. Those that only others can give (the payment provider's, the mail server's) are made empty: fill them in.
#
#     sh deploy/compose/make-secrets.sh                              nothing is encrypted
#     sh deploy/compose/make-secrets.sh --encryption-key 2026-11     by a random key of this id (docs/encryption.md)
set -eu

key_id=""
if [ "${1:-}" = --encryption-key ]; then
    key_id="${2:-}"
    case "$key_id" in
    "" | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*)
        key_id=""
        ;;
    esac
    if [ -z "$key_id" ] || [ "${#key_id}" -gt 63 ]; then
        echo "--encryption-key takes an id of up to 63 letters, digits, dots, dashes and underscores: 2026-11, say." >&2
        exit 2
    fi
    shift 2
fi

folder="${1:-$(dirname "$0")/secrets}"
umask 077
mkdir -p "$folder"
# Nobody else gets into the folder; the files must be readable for the containers' users, who get them alone.
chmod 700 "$folder"
umask 022

random() {
    head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

make() {
    if [ ! -e "$folder/$1" ]; then
        printf '%s' "$2" >"$folder/$1"
        echo "made $folder/$1${3:-}"
    fi
}

# As `jobs encryption new-key` makes it.
encryption_key() {
    printf '%s:%s\n' "$key_id" "$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
}

make postgres_password "$(random)"
make temporal_password "$(random)"
make shop_password "$(random)"
# Set it to a server of your own where the orders are not to be in the container.
make database_url "postgresql://shop:$(cat "$folder/shop_password")@postgres:5432/shop"
make reports_link_secrets "$(random)"
make grafana_password "$(random)"
for given in smtp_password payment_api_key payment_callback_secrets alert_urls; do
    make "$given" "" ", empty: fill it in"
done
make encryption_keys "" ", empty: nothing is encrypted"
# For what not everybody has: docs/production.md says when to fill them in.
for given in temporal_api_key temporal_client_cert temporal_client_key temporal_server_ca \
    database_ca database_listen_url; do
    make "$given" "" ", empty"
done

if [ -n "$key_id" ] && [ -s "$folder/encryption_keys" ]; then
    echo "$folder/encryption_keys has a key already, and stays as it is: see docs/encryption.md for how to change it." >&2
    exit 1
elif [ -n "$key_id" ]; then
    encryption_key >"$folder/encryption_keys"
    echo "made a key in $folder/encryption_keys: keep it where you keep passwords"
fi
