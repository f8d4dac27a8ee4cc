"""Events on their way to the webhook, and time passing: one thread that never stops for an answer it does not get."""

import http.client
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from infra.local.stripe import renewals
from infra.local.stripe.account import Account
from infra.local.stripe.errors import ControlError, Object
from infra.local.stripe.rendering import public
from infra.local.stripe.signing import Signed, encoded, sign
from infra.local.stripe.store import DONE, GIVEN_UP, HELD, PENDING

MODES = frozenset({"normal", "hold", "duplicate", "shuffle", "drop"})
MAX_TIMES = 100
ANSWER_SECONDS = 15.0
#: Tries go on for three days: https://docs.stripe.com/webhooks#retries. Here the first follow sooner.
TRY_SECONDS = 3 * 24 * 3600
MAX_PAUSE_SECONDS = 3600
POLL_SECONDS = 0.5
#: When shuffling, what follows within this time is shuffled together.
QUIET_SECONDS = 0.3
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})

#: (delivery, event, tries so far)
Row = tuple[int, str, int]


def local_url(url: str) -> str:
    """The URL, if it is on this machine. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK or parts.port is None:
        raise ValueError("the webhook must be http://127.0.0.1:PORT/…")
    return url


class Delivery:
    """Delivers one account's events to one URL. `secrets` gives the signing secrets, newest first."""

    def __init__(self, account: Account, url: str | None, secrets: Callable[[], Sequence[str]]) -> None:
        self._account = account
        self._url = None if url is None else local_url(url)
        self._secrets = secrets
        self._awake = threading.Event()
        self._ended = threading.Event()
        self._last_event = 0.0
        self._lock = threading.Lock()
        self._lines: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._run, name="stripe-delivery", daemon=True)
        account.on_event(self._notice)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hangs up on who has not answered yet: that event is sent again after the next start."""
        with self._lock:
            self._ended.set()
            for line in self._lines:
                with suppress(OSError):  # the other side hung up first
                    line.shutdown(socket.SHUT_RDWR)
        self._awake.set()
        self._thread.join(ANSWER_SECONDS + 1)

    def _notice(self) -> None:
        self._last_event = time.monotonic()
        self._awake.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._awake.wait(POLL_SECONDS)
            self._awake.clear()
            with self._account.transaction():
                renewals.catch_up(self._account)
            for row in self._due():
                if self._ended.is_set():
                    return
                self.deliver(row)

    def _due(self) -> list[Row]:
        with self._account.store.transaction():
            statement = "SELECT seq, event, attempts FROM deliveries WHERE state = ? AND due <= ? ORDER BY seq"
            rows: list[Row] = self._account.store.execute(statement, (PENDING, self._account.now()))
            mode = self._account.store.setting("delivery", {"mode": "normal"})
        if self._url is None:
            return []
        if mode["mode"] == "shuffle" and rows:
            if time.monotonic() - self._last_event < QUIET_SECONDS:
                return []
            random.Random(f"{mode['seed']}:{rows[0][0]}").shuffle(rows)  # noqa: S311 - chance that can be repeated
        return rows

    def deliver(self, row: Row) -> int | None:
        """Sends one event, as often as the mode says, and remembers what came of it. Returns the last answer."""
        number, event_id, tries = row
        with self._account.store.transaction():
            mode = self._account.store.setting("delivery", {"mode": "normal"})
            event = self._account.get("event", event_id)
        answer = None
        for _ in range(mode["times"] if mode["mode"] == "duplicate" else 1):
            answer = self.post(self.signed(event))
        with self._account.store.transaction():
            self._remember(number, event, tries + 1, answer)
        return answer

    def _remember(self, number: int, event: Object, tries: int, answer: int | None) -> None:
        now = self._account.now()
        if answer is not None and 200 <= answer < 300:
            state = DONE
        else:
            state = GIVEN_UP if event["created"] + TRY_SECONDS <= now else PENDING
        due = now + min(2 ** (tries - 1), MAX_PAUSE_SECONDS)
        statement = "UPDATE deliveries SET state = ?, attempts = ?, answer = ?, due = ? WHERE seq = ?"
        self._account.store.execute(statement, (state, tries, answer, due, number))

    def signed(self, event: Object) -> Signed:
        """The event as it is sent now."""
        return sign(encoded(public(event) | {"pending_webhooks": 1}), int(time.time()), self._secrets())

    @property
    def signing_secrets(self) -> Sequence[str]:
        return self._secrets()

    def post(self, signed: Signed) -> int | None:
        """The status of the answer; None when there is none. A redirect is an answer like any other, not followed."""
        parts = urlsplit(self._url or "")
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signed.header,
        }
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with self._line(connection):
                connection.request("POST", target, signed.body.encode(), headers)
                response = connection.getresponse()
                response.read()
        except (OSError, http.client.HTTPException):
            return None
        else:
            return response.status
        finally:
            connection.close()

    @contextmanager
    def _line(self, connection: http.client.HTTPConnection) -> Iterator[None]:
        """Connects, so that `stop` can hang up. Raises OSError."""
        connection.connect()
        line = connection.sock
        with self._lock:
            if self._ended.is_set():
                raise ConnectionAbortedError("stopped")
            self._lines.add(line)
        try:
            yield
        finally:
            with self._lock:
                self._lines.discard(line)

    def set_mode(self, order: Object) -> None:
        """{mode, times, seed}. What was held goes on its way when nothing is held any more. Raises ControlError."""
        mode = order.get("mode")
        if mode not in MODES or set(order) - {"mode", "times", "seed"}:
            raise ControlError(f"a mode is one of {', '.join(sorted(MODES))}, with times or a seed")
        times = order.get("times", 2)
        if type(times) is not int or not 1 <= times <= MAX_TIMES:
            raise ControlError(f"times is from 1 to {MAX_TIMES}")
        with self._account.store.transaction():
            self._account.store.set("delivery", {"mode": mode, "times": times, "seed": order.get("seed", 0)})
            if mode != "hold":
                self._account.store.execute("UPDATE deliveries SET state = ? WHERE state = ?", (PENDING, HELD))
        self._notice()

    def release(self, order: Object) -> list[Object]:
        """Sends what is held now, and waits for the answers: in order, by `seed` shuffled, or as `order` names them.

        An event may be named several times. What `order` does not name stays held. Raises ControlError.
        """
        with self._account.store.transaction():
            statement = "SELECT seq, event, attempts FROM deliveries WHERE state = ? ORDER BY seq"
            rows: list[Row] = self._account.store.execute(statement, (HELD,))
        if "order" in order:
            held = {row[1]: row for row in rows}
            if unknown := set(order["order"]) - set(held):
                raise ControlError(f"not held: {', '.join(sorted(unknown))}")
            rows = [held[event_id] for event_id in order["order"]]
        elif "seed" in order:
            random.Random(str(order["seed"])).shuffle(rows)  # noqa: S311 - chance that can be repeated
        return [{"event": row[1], "answer": self.deliver(row)} for row in rows]
