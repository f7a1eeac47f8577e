"""The keys between the shop and the demo's payment provider. No secrets: they open nothing but this demo."""

from __future__ import annotations

import base64

API_KEY = "sk_test_corner_shop"

WEBHOOK_SECRET = f"whsec_{base64.b64encode(b'the corner shop of the demo').decode()}"
"""Signs callbacks, by Standard Webhooks or in Stripe's manner."""

FORGED_SECRET = f"whsec_{base64.b64encode(b'somebody who is not the provider').decode()}"
"""What a forger signs with."""
