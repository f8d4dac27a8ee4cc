"""One running stand-in, put together."""

import socket
import threading
from pathlib import Path

from infra.local.datadir import take_lock
from infra.local.stripe.account import Account
from infra.local.stripe.api import Api
from infra.local.stripe.control import Control
from infra.local.stripe.credentials import Keeper
from infra.local.stripe.delivery import Delivery
from infra.local.stripe.pages import Pages
from infra.local.stripe.server import Doors, Server
from infra.local.stripe.store import Store
from infra.local.stripe.version import API_VERSION

#: How long `stop` may have to wait for the server to notice.
STOP_POLL_SECONDS = 0.1


class StandIn:
    """Serves from `start` to `stop`. Everything it knows is in `folder`."""

    def __init__(self, listener: socket.socket, folder: Path, webhook_url: str | None, seed: str | None = None) -> None:
        """Raises OSError when the folder cannot be written, LaptopError when another process has it.

        Raises ValueError for data that is damaged and for a webhook that is not on this machine.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = take_lock(folder / "lock", f"{folder} is in use", "stop it or choose another folder")
        keeper = Keeper(folder)
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._store = Store(folder / "stripe.sqlite3")
        account = Account(self._store, self.base_url, API_VERSION, seed)
        self._delivery = Delivery(account, webhook_url, keeper.signing_secrets)
        control = Control(account, self._delivery, keeper.roll)
        self._server = Server(listener, Doors(Api(account), Pages(account), control, keeper.control_token))
        self._thread = threading.Thread(target=self._serve, name="stripe-http", daemon=True)

    def start(self) -> None:
        self._delivery.start()
        self._thread.start()

    def _serve(self) -> None:
        self._server.serve_forever(STOP_POLL_SECONDS)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._delivery.stop()
        self._store.close()
        self._lock.close()
