"""A plain FastAPI endpoint that verifies a callback's signature and does nothing else: what ours is held against."""

from __future__ import annotations

import os

from fastapi import FastAPI, HTTPException, Request, Response
from standardwebhooks import Webhook, WebhookVerificationError

app = FastAPI()
_hook = Webhook(os.environ["PAYMENT_CALLBACK_SECRETS"])


@app.post("/webhooks/payments", status_code=202)
async def receive(request: Request) -> Response:
    """Verify the signature."""
    try:
        _hook.verify(await request.body(), dict(request.headers), json_parse=False)
    except WebhookVerificationError as exc:
        raise HTTPException(401) from exc
    return Response(status_code=202)
