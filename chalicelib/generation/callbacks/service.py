"""A hosted provider says that a job is done. It is not believed: the job is asked for at once instead of later.

The address that a provider is given names the generation under seal, so that it neither learns whose it is nor can
name another. A callback that is forged, late, early or repeated therefore costs one question and changes nothing.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Protocol

from chalicelib.generation.generation import OPEN, Generation
from chalicelib.generation.ports import Providers
from chalicelib.kernel.clock import Clock, epoch_seconds
from chalicelib.kernel.errors import NotFound, Validation
from chalicelib.providers.job import BadCallback

#: Whose data key seals the handles.
OWNER = "provider-callbacks"


class Seal(Protocol):
    """What callbacks need of sealing."""

    def seal(self, owner: str, place: str, text: str) -> bytes: ...
    def open(self, owner: str, place: str, sealed: bytes) -> str: ...


class Store(Protocol):
    """What callbacks need of `generation.store`."""

    def get(self, account_id: str, generation_id: str) -> Generation | None: ...


class Callbacks:
    """`unsealed` are what opening a handle that is not ours raises. `public_url` is empty where none is reachable."""

    def __init__(
        self,
        store: Store,
        seal: Seal,
        providers: Providers,
        clock: Clock,
        *,
        queue: Callable[[Generation, int], None],
        unsealed: tuple[type[Exception], ...],
        public_url: str,
    ) -> None:
        self._store = store
        self._seal = seal
        self._providers = providers
        self._clock = clock
        self._queue = queue
        self._unsealed = unsealed
        self._public_url = public_url

    def url(self, made: Generation) -> str | None:
        """Where its provider may say that it is done; None if no provider could reach us."""
        if not self._public_url.startswith("https://"):
            return None
        sealed = self._seal.seal(OWNER, _place(made.provider), f"{made.account_id}/{made.id}")
        handle = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
        return f"{self._public_url.rstrip('/')}/v1/provider-callbacks/{made.provider}/{handle}"

    def receive(self, provider: str, handle: str, headers: Mapping[str, str], body: bytes) -> None:
        """Has the job asked for. Raises NotFound for a handle that is not ours, Validation for one not signed."""
        account_id, generation_id = self._opened(provider, handle)
        made = self._store.get(account_id, generation_id)
        if made is None or made.provider != provider or made.status not in OPEN:
            return
        try:
            speaker = self._providers.provider_for(made.model)
            speaker.check_callback(headers, body, epoch_seconds(self._clock.now()))
        except BadCallback:
            raise Validation("The callback is not signed by the provider.") from None
        except LookupError:
            return
        self._queue(made, 0)

    def _opened(self, provider: str, handle: str) -> tuple[str, str]:
        """(account id, generation id) of a handle. Raises NotFound."""
        try:
            sealed = base64.b64decode(handle + "=" * (-len(handle) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise NotFound from None
        try:
            account_id, _, generation_id = self._seal.open(OWNER, _place(provider), sealed).partition("/")
        except self._unsealed:
            raise NotFound from None
        return account_id, generation_id


def _place(provider: str) -> str:
    """What a handle is bound to: no provider can use another's."""
    return f"callbacks/{provider}/handle"
