#!/bin/sh
# Makes the secrets that docker-compose.yml names, in deploy/compose/secrets. What is there already stays, so it can be
# run again. Those that only others can give (the payment provider's, the mail server's) are made empty: fill them in.
set -eu

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
