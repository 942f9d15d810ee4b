"""Webhooks against a server on this machine: signed, tried again, given up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from facings.apps.inventory import Alert, alerts, stock_lines
from facings.apps.ledger import Balance
from facings.apps.webhooks import WAITS_S, Delivery, send_alerts, sign, verify_signature
from facings.catalog import Product
from facings.errors import BadInput

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Receiver(ThreadingHTTPServer):
    """Answers with the given codes in turn, and keeps what it got."""

    def __init__(self, codes: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.codes = codes
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.codes.pop(0))
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    server = Receiver(list(request.param))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def found() -> tuple[Alert, ...]:
    stock = stock_lines(
        [Balance("s", "milk", counted_at=NOW, opened_at=NOW)], {"milk": Product("milk")}, {}, site_changes={},
        sold={}, now=NOW, sales_days=28,
    )  # fmt: skip
    return alerts(stock, lead_time_days=3, now=NOW)


@pytest.mark.parametrize(
    ("receiver", "delivery"),
    [
        ([204], Delivery(True, 1, "HTTP 204")),
        ([500, 429, 200], Delivery(True, 3, "HTTP 200")),
        ([503] * 4, Delivery(False, 4, "HTTP 503")),
        ([401], Delivery(False, 1, "HTTP 401")),
        ([302], Delivery(False, 1, "HTTP 302")),
    ],
    indirect=["receiver"],
)
def test_tried_again_where_it_may_help(receiver: Receiver, delivery: Delivery, found: tuple[Alert, ...]) -> None:
    waited: list[float] = []
    assert send_alerts(receiver.url, "secret", found, now=NOW, wait=waited.append) == delivery
    assert waited == list(WAITS_S[: delivery.n_tries - 1])
    assert len({headers["Facings-Id"] for headers, _ in receiver.got}) == 1
    for headers, body in receiver.got:
        assert verify_signature("secret", headers["Facings-Timestamp"], body, headers["Facings-Signature"])
        assert not verify_signature("other", headers["Facings-Timestamp"], body, headers["Facings-Signature"])
        facts = json.loads(body)
        assert [(a["kind"], a["sku"]) for a in facts["alerts"]] == [("out_of_stock", "milk")]


def test_nobody_there(found: tuple[Alert, ...]) -> None:
    delivery = send_alerts("http://127.0.0.1:9/", "secret", found, wait=lambda _: None)
    assert (delivery.is_delivered, delivery.n_tries) == (False, 4)
    assert delivery.answer


def test_signatures_grow_old_and_bind_body_and_time() -> None:
    now = time.time()
    stamp = str(int(now))
    signature = sign("secret", stamp, b"body")
    assert verify_signature("secret", stamp, b"body", signature)
    assert not verify_signature("secret", stamp, b"Body", signature)
    assert not verify_signature("secret", str(int(now) + 1), b"body", signature)
    assert not verify_signature("secret", stamp, b"body", signature, now_s=now + 400)
    assert not verify_signature("secret", "soon", b"body", signature)
    assert not verify_signature("secret", stamp, b"body", "é")
    # HMAC-SHA256 of "1.{}" under "key", by `printf '1.{}' | openssl dgst -sha256 -hmac key`
    assert sign("key", "1", b"{}") == "sha256=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "example.com/hook", "http://"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(BadInput, match="wanted an address"):
        send_alerts(url, "secret", [])


def test_no_secret() -> None:
    with pytest.raises(BadInput, match="secret is empty"):
        send_alerts("http://127.0.0.1:9/", "", [])
