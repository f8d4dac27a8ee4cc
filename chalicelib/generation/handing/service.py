"""How results leave a worker: into the results bucket, or, where nothing is to be kept, to the caller's own address.

Objects are written before the generation ends, under keys of the attempt's own; whoever loses the end removes them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.generation.generation import (
    MAX_INLINE_BYTES,
    Asset,
    AssetStatus,
    Generation,
    Retention,
    result_key,
)
from chalicelib.generation.ports import Results
from chalicelib.outbound.request import OutboundError, Request, Send
from chalicelib.providers.job import Missing, Output

PUT_SECONDS = 20.0
#: An address that does not answer is tried this often in all. Writing the same bytes twice is writing them once.
PUT_TRIES = 3
MAX_PUT_ANSWER_BYTES = 64 * 1024

NOT_MADE = Missing(code="not_made", message="The provider made fewer results than were asked for.", blocked=False)


class Handing:
    """`send` reaches public addresses only."""

    def __init__(self, results: Results, send: Send) -> None:
        self._results = results
        self._send = send

    def hand_over(self, made: Generation, outputs: Sequence[Output | Missing]) -> tuple[Asset, ...]:
        """The assets as they are afterwards, each with its own status and charge."""
        room = MAX_INLINE_BYTES
        handed: list[Asset] = []
        for index, asset in enumerate(made.assets):
            output = outputs[index] if index < len(outputs) else NOT_MADE
            if isinstance(output, Missing):
                handed.append(_absent(asset, output))
                continue
            kept = self._hand(made, index, asset, output, room)
            if kept.key and made.retention is Retention.NONE:
                room -= len(output.data)
            handed.append(kept)
        return tuple(handed)

    def _hand(self, made: Generation, index: int, asset: Asset, output: Output, room: int) -> Asset:
        ready = _present(made, asset, output)
        if made.words.deliver_to:
            return self._put(made.words.deliver_to[index], ready, output)
        if made.retention is Retention.NONE and len(output.data) > room:
            message = "The result is too large to be delivered in an answer: name addresses in deliver_to."
            return _absent(asset, Missing(code="too_large_to_deliver", message=message, blocked=False))
        once = made.retention is Retention.NONE
        key = result_key(made.account_id, made.id, made.attempt, index, once=once)
        self._results.write_result(key, output.data, output.content_type)
        return replace(ready, key=key)

    def _put(self, url: str, ready: Asset, output: Output) -> Asset:
        """Delivers to an address that the caller presigned: kept are hash, size and charge."""
        request = Request(
            method="PUT",
            url=url,
            headers={"Content-Type": output.content_type},
            body=output.data,
            timeout_seconds=PUT_SECONDS,
            max_answer_bytes=MAX_PUT_ANSWER_BYTES,
        )
        for _ in range(PUT_TRIES):
            try:
                if 200 <= self._send(request).status < 300:
                    return replace(ready, delivered=True)
            except OutboundError:
                continue
        message = "The result could not be put to the address that was given for it."
        return _absent(ready, Missing(code="delivery_failed", message=message, blocked=False))


def _present(made: Generation, asset: Asset, output: Output) -> Asset:
    return replace(
        asset,
        status=AssetStatus.SUCCEEDED,
        content_type=output.content_type,
        width=output.width,
        height=output.height,
        seconds=output.seconds,
        size_bytes=len(output.data),
        seed=output.seed,
        sha256=hashlib.sha256(output.data).hexdigest() if made.retention is Retention.NONE else None,
        charged=made.price,
    )


def _absent(asset: Asset, missing: Missing) -> Asset:
    status = AssetStatus.BLOCKED if missing.blocked else AssetStatus.FAILED
    return Asset(asset.id, status, code=missing.code)
