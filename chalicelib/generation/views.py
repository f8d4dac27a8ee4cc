"""How generations look to clients."""

import base64
from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from chalicelib.generation.generation import (
    NOTICE,
    Asset,
    AssetStatus,
    Generation,
    Retention,
    Review,
    Status,
)
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.shapes import View


class AssetView(View):
    """One result. Its bytes are at `/v1/assets/{id}/content` until `expires_at`; `seed` makes it again.

    Where nothing is kept (`retention` none), `b64_json` has the bytes, in one answer only, and `sha256` stays.
    """

    id: str
    status: AssetStatus
    content_type: str | None
    width: int | None = Field(description="pixels")
    height: int | None = Field(description="pixels")
    seconds: float | None = Field(description="of a video or sound")
    size_bytes: int | None
    seed: int | None
    sha256: str | None = Field(description="hexadecimal; of what is delivered once")
    delivered: bool = Field(description="whether it was delivered, where it is delivered once")
    expires_at: str | None
    review: Review
    charged: int = Field(description="assets")
    error: str | None = Field(description="why there is no result")
    b64_json: str | None = Field(description="the bytes, base64, where they are delivered in this answer")

    @classmethod
    def of(cls, asset: Asset, expires_at: datetime | None, delivery: bytes | None = None) -> "AssetView":
        return cls(
            id=asset.id,
            status=asset.status,
            content_type=asset.content_type,
            width=asset.width,
            height=asset.height,
            seconds=asset.seconds,
            size_bytes=asset.size_bytes,
            seed=asset.seed,
            sha256=asset.sha256,
            delivered=asset.delivered,
            expires_at=rfc3339(expires_at) if expires_at else None,
            review=asset.review,
            charged=asset.charged,
            error=asset.code,
            b64_json=base64.b64encode(delivery).decode() if delivery is not None else None,
        )


class FailureView(View):
    """Why a generation failed; it was not charged."""

    code: str
    message: str


class GenerationView(View):
    """`charged` is what was taken from the balance; it is 0 until the generation succeeds. `model` is the one that
    makes it, the first that was named or one of `fallback_models`. `progress` is in percent; what is not known is null.
    """

    id: str
    status: Status
    cancel_requested: bool
    model: str
    provider: str
    operation: str
    upload_id: str | None
    seed: int
    progress: int | None
    queue_position: int | None = Field(description="jobs before it, where the provider says so")
    retention: Retention
    charged: int
    assets: list[AssetView]
    notice: str
    error: FailureView | None
    created_at: str
    deadline_at: str = Field(description="if it is not done by then, it ends, and nothing is charged")
    finished_at: str | None

    @classmethod
    def of(cls, made: Generation, delivery: Mapping[str, bytes] | None = None) -> "GenerationView":
        """`delivery` are the bytes of assets that are delivered in this answer."""
        failure, handed = made.failure, delivery or {}
        return cls(
            id=made.id,
            status=made.status,
            cancel_requested=made.cancel_requested,
            model=made.model,
            provider=made.provider,
            operation=made.operation,
            upload_id=made.upload_id,
            seed=made.seed,
            progress=100 if made.status is Status.SUCCEEDED else made.progress_percent,
            queue_position=made.queue_position if made.finished_at is None else None,
            retention=made.retention,
            charged=made.charged,
            assets=[AssetView.of(asset, made.expires_at, handed.get(asset.id)) for asset in made.assets],
            notice=NOTICE,
            error=FailureView(code=failure.code, message=failure.message) if failure else None,
            created_at=rfc3339(made.created_at),
            deadline_at=rfc3339(made.deadline_at),
            finished_at=rfc3339(made.finished_at) if made.finished_at else None,
        )
