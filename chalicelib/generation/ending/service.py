"""How a generation ends: its terminal state, the resolution of its hold and the event that tells of it, together."""

from chalicelib.generation.generation import Generation
from chalicelib.generation.ports import EndStore, Settlement, Tell
from chalicelib.kernel.transaction import Transact, Transaction


class Ending:
    """`lost` are what the commit raises when the generation is not the caller's any more: its row has moved on, or its
    hold has been resolved."""

    def __init__(
        self,
        store: EndStore,
        ledger: Settlement,
        transact: Transact,
        *,
        tell: Tell,
        lost: tuple[type[Exception], ...],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._transact = transact
        self._tell = tell
        self._lost = lost

    def end(self, before: Generation, after: Generation, *, lapsed: bool = False) -> bool:
        """Ends it as `after` says, which charges `after.charged`; False, and nothing, if it has moved on from `before`.

        `lapsed`: nobody made it in its time.
        """

        def build(tx: Transaction) -> None:
            self._store.finish(tx, before, after)
            self._ledger.settle(
                tx,
                before.account_id,
                before.id,
                after.charged,
                spender=before.spender,
                request_id=before.request_id,
                lane=before.lane,
                model=after.model,
                lapsed=lapsed,
            )
            self._tell.generation(tx, after)

        try:
            self._transact(build)
        except self._lost:
            return False
        return True
