#!/bin/sh
# Makes the namespace TEMPORAL_NAMESPACE at TEMPORAL_ADDRESS, where it is not there. Its search attributes and its
# retention are `jobs setup`'s.
set -eu

tries=120
wait_for() {
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ "$tries" -le 0 ]; then
            echo "Temporal at $TEMPORAL_ADDRESS is not well yet: see its log." >&2
            exit 1
        fi
        sleep 1
    done
}

wait_for temporal operator cluster health

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    echo "The namespace $TEMPORAL_NAMESPACE was there already."
else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 720h
fi

# Each part of the server gets to know a new one by itself: what `jobs setup` asks first takes a moment longer.
wait_for temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE"
