#!/bin/sh
# Makes the namespace TEMPORAL_NAMESPACE at TEMPORAL_ADDRESS, where it is not there. Its search attributes and its
# retention are `jobs setup`'s.
set -eu

tries=60
until temporal operator cluster health >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then
        echo "Temporal at $TEMPORAL_ADDRESS is not well yet: see its log." >&2
        exit 1
    fi
    sleep 2
done

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    echo "The namespace $TEMPORAL_NAMESPACE was there already."
else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 720h
fi
