"""Requests and answers in OpenAI's shapes: pure. What is not supported is refused by name, unless neutral."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from chalicelib.kernel.errors import UnsupportedParameter
from chalicelib.kernel.shapes import Body, View
from chalicelib.providers.capability import MAX_OUTPUTS

#: What OpenAI's API takes and this one does not, with the values that ask for nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "input_fidelity": (None, "low"),
    "mask": (None,),
    "moderation": (None, "auto"),
    "output_compression": (None, 100, "100"),
    "output_format": (None,),
    "partial_images": (None, 0, "0"),
    "stream": (None, False, "false"),
    "style": (None,),
}
QUALITIES: dict[str | None, str | None] = {
    None: None,
    "auto": None,
    "standard": None,
    "low": "low",
    "medium": "medium",
    "high": "high",
    "hd": "high",
}

Quality = Literal["auto", "standard", "hd", "low", "medium", "high"]
Size = Annotated[str, Field(max_length=20, pattern=r"^(auto|[0-9]{2,5}x[0-9]{2,5})$")]


class _Asked(Body):
    prompt: str = Field(min_length=1, max_length=4000)
    model: str | None = Field(None, max_length=100)
    n: int | None = Field(None, ge=1, le=MAX_OUTPUTS)
    size: Size | None = None
    quality: Quality | None = None
    response_format: Literal["url", "b64_json"] | None = Field(None, description="`url` if left out")
    user: str | None = Field(None, max_length=500, description="taken, and never kept")


class GenerateImages(_Asked):
    """OpenAI's `CreateImageRequest`, as far as it is supported."""

    background: Literal["auto", "opaque", "transparent"] | None = None


class EditImage(_Asked):
    """OpenAI's `CreateImageEditRequest`, as far as it is supported; numbers come as text in a form."""

    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)

    image: bytes | None = Field(
        None, description="the photo: JPEG, PNG, WebP, GIF or HEIF", json_schema_extra={"format": "binary"}
    )
    upload_id: str | None = Field(None, max_length=64, description="a ready upload, instead of `image`")
    operation: str | None = Field(None, max_length=60, description="where the model does several")
    background: Literal["auto", "opaque"] | None = None


class ImageView(View):
    """One result: `url` works for minutes and needs no key."""

    url: str | None
    b64_json: str | None
    revised_prompt: str | None = None


class ImagesView(View):
    """OpenAI's `ImagesResponse`, and what this service adds: the generation's `id`, what it `charged`, the `notice`."""

    created: int
    data: list[ImageView]
    id: str
    charged: int
    notice: str


def without_neutral(given: dict[str, Any]) -> dict[str, Any]:
    """What is left when what asks for nothing is taken out. Raises UnsupportedParameter for what asks for something."""
    for name, neutral in NEUTRAL.items():
        if name in given and given[name] not in neutral:
            raise UnsupportedParameter(f"{name}: is not supported here", param=name)
    return {name: value for name, value in given.items() if name not in NEUTRAL}


class CheckProvenance(Body):
    """OpenAI's `CreateContentProvenanceCheckRequest`."""

    file: bytes = Field(description="the picture or sound to look at", json_schema_extra={"format": "binary"})


class CredentialsFound(View):
    """What the Content Credentials in the file say."""

    type: Literal["c2pa"]
    outcome: Literal["detected", "not_detected"]
    validation_state: Literal["trusted", "valid", "invalid", "not_present"]
    issuer: str | None
    model: str | None
    generated_at: str | None


class WatermarkFound(View):
    """What a watermark in the file says."""

    type: Literal["synthid"]
    outcome: Literal["detected", "not_detected"]
    model: str | None
    generated_at: str | None


class ProvenanceView(View):
    """OpenAI's `ContentProvenanceCheck`."""

    object: Literal["content_provenance_check"]
    created_at: int
    results: list[CredentialsFound | WatermarkFound]
