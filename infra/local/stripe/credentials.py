"""The secrets of one stand-in, in a file that only its owner can read: `stand-in.json` in its folder."""

import json
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from infra.local.datadir import write_private

FILE_NAME = "stand-in.json"
#: While a secret is rolled, both sign: https://docs.stripe.com/webhooks#roll-endpoint-secrets
ROLL_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Credentials:
    """`api_key`: for whoever needs one, any other sk_test_ key works too. `control_token`: opens /_control/*."""

    api_key: str
    control_token: str
    webhook_secret: str
    old_webhook_secret: str | None = None
    rolled_at: float | None = None


class Keeper:
    """Reads the file, or writes it at the first start. Raises ValueError when it is damaged."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._lock = threading.Lock()
        if self._path.exists():
            self._credentials = self._read()
        else:
            key, token, secret = (secrets.token_hex(24) for _ in range(3))
            self._save(Credentials(f"sk_test_{key}", token, f"whsec_{secret}"))

    def _read(self) -> Credentials:
        try:
            return Credentials(**json.loads(self._path.read_text(encoding="utf-8")))
        except (TypeError, ValueError):
            remedy = f"restore it, or move {self._path.parent} away to start afresh"
            raise ValueError(f"{self._path} is damaged: {remedy}") from None

    def _save(self, credentials: Credentials) -> None:
        self._credentials = credentials
        write_private(self._path, json.dumps(asdict(credentials), indent=1))

    @property
    def api_key(self) -> str:
        return self._credentials.api_key

    @property
    def control_token(self) -> str:
        return self._credentials.control_token

    def signing_secrets(self) -> Sequence[str]:
        """Newest first."""
        with self._lock:
            now, known = time.time(), self._credentials
            old = known.old_webhook_secret
            if old is None or known.rolled_at is None or known.rolled_at + ROLL_SECONDS <= now:
                return [known.webhook_secret]
            return [known.webhook_secret, old]

    def roll(self) -> str:
        """A new signing secret."""
        with self._lock:
            new, old = f"whsec_{secrets.token_hex(24)}", self._credentials.webhook_secret
            changes = {"webhook_secret": new, "old_webhook_secret": old, "rolled_at": time.time()}
            self._save(replace(self._credentials, **changes))  # type: ignore[arg-type]
            return new
