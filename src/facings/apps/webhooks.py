"""Alerts sent to another system by HTTP: signed, tried again a few times, then given up with a word.

The body is signed with HMAC-SHA256 (RFC 2104) over "<timestamp>.<body>", so that nobody can make one up, nor send an
old one again later: `verify_signature` is what the receiver does.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from facings.apps.inventory import Alert
from facings.apps.inventory_report import alert_json
from facings.errors import BadInput

SIGNATURE_HEADER, TIMESTAMP_HEADER, ID_HEADER = "Facings-Signature", "Facings-Timestamp", "Facings-Id"
MAX_AGE_S = 300
WAITS_S = (1.0, 4.0, 16.0)  # before the second, third and fourth try
TIMEOUT_S = 10.0
_RETRIED = {408, 425, 429}


@dataclass(frozen=True)
class Delivery:
    """How sending ended: whether the receiver took it, after how many tries, and what it said last."""

    is_delivered: bool
    n_tries: int
    answer: str


def send_alerts(
    url: str,
    secret: str,
    alerts: Sequence[Alert],
    *,
    now: datetime | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Delivery:
    """Send alerts in one signed request; a failure that may pass is tried again after 1, 4 and 16 seconds.

    Args:
        url: http or https.
        secret: What both sides know.
        alerts: Most urgent first; sent even when there is none, as that is news too.
        now: When they were found; None for now.
        wait: Passes the time between tries.

    Raises:
        BadInput: The URL is no web address, or there is no secret.
    """
    address = urlsplit(url)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise BadInput(f"Webhook {address.path!r}: wanted an address that begins with https:// or http://.")
    if not secret:
        raise BadInput("Webhook: the secret is empty.", "Set FACINGS_WEBHOOK_SECRET.")
    moment = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    body = json.dumps({"found_at": moment, "alerts": [alert_json(alert) for alert in alerts]}).encode()
    answer = ""
    for n_tries, pause in enumerate((*WAITS_S, None), start=1):
        is_done, is_final, answer = _post(url, secret, body)
        if is_done or is_final or pause is None:
            return Delivery(is_done, n_tries, answer)
        wait(pause)
    raise AssertionError("the last try has no pause after it")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body sent at a time.

    Args:
        secret: What both sides know.
        timestamp: Seconds since 1970, as text.
        body: The bytes sent.
    """
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def verify_signature(secret: str, timestamp: str, body: bytes, signature: str, *, now_s: float | None = None) -> bool:
    """Whether a body came from who knows the secret, at most five minutes ago.

    Args:
        secret: What both sides know.
        timestamp: Of the header `Facings-Timestamp`.
        body: The bytes received.
        signature: Of the header `Facings-Signature`.
        now_s: Seconds since 1970; None for now.
    """
    if not (timestamp.isascii() and timestamp.isdecimal()):
        return False
    is_fresh = abs((time.time() if now_s is None else now_s) - int(timestamp)) <= MAX_AGE_S
    return hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode()) and is_fresh


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Alerts go where the user said, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        """None: the answer counts as a failure."""


def _post(url: str, secret: str, body: bytes) -> tuple[bool, bool, str]:
    """One try: whether it was taken, whether trying again is of no use, and what was answered."""
    timestamp = str(int(time.time()))  # of this try, so that a late one is still fresh
    headers = {
        "Content-Type": "application/json",
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: sign(secret, timestamp, body),
        ID_HEADER: hashlib.sha256(body).hexdigest()[:32],  # the same at each try: the receiver can tell
    }
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return True, True, f"HTTP {response.status}"
    except urllib.error.HTTPError as error:
        error.close()
        return False, error.code < 500 and error.code not in _RETRIED, f"HTTP {error.code}"
    except (OSError, http.client.HTTPException) as error:
        return False, False, str(getattr(error, "reason", error))
