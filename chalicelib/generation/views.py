"""How generations look to clients."""

from datetime import datetime

from pydantic import Field

from chalicelib.generation.generation import NOTICE, Asset, AssetStatus, Generation, Review, Status
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.shapes import View


class AssetView(View):
    """One result. Its bytes are at `/v1/assets/{id}/content` until `expires_at`."""

    id: str
    status: AssetStatus
    content_type: str | None
    width: int | None
    height: int | None
    size_bytes: int | None
    expires_at: str | None
    review: Review
    charged: int = Field(description="assets")

    @classmethod
    def of(cls, asset: Asset, expires_at: datetime | None) -> "AssetView":
        return cls(
            id=asset.id,
            status=asset.status,
            content_type=asset.content_type,
            width=asset.width,
            height=asset.height,
            size_bytes=asset.size_bytes,
            expires_at=rfc3339(expires_at) if expires_at else None,
            review=asset.review,
            charged=asset.charged,
        )


class FailureView(View):
    """Why a generation failed; it was not charged."""

    code: str
    message: str


class GenerationView(View):
    """`charged` is what was taken from the balance; it is 0 until the generation succeeds."""

    id: str
    status: Status
    model: str
    operation: str
    upload_id: str | None
    seed: int
    charged: int
    assets: list[AssetView]
    notice: str
    error: FailureView | None
    created_at: str
    finished_at: str | None

    @classmethod
    def of(cls, made: Generation) -> "GenerationView":
        failure = made.failure
        return cls(
            id=made.id,
            status=made.status,
            model=made.model,
            operation=made.operation,
            upload_id=made.upload_id,
            seed=made.seed,
            charged=made.charged,
            assets=[AssetView.of(asset, made.expires_at) for asset in made.assets],
            notice=NOTICE,
            error=FailureView(code=failure.code, message=failure.message) if failure else None,
            created_at=rfc3339(made.created_at),
            finished_at=rfc3339(made.finished_at) if made.finished_at else None,
        )
