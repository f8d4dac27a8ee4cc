"""What an upload becomes: a photo that is safe to use, or a refusal with one of these reasons."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a file was rejected: a closed set that clients may switch on."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNRECOGNISED = "unrecognised"
    UNSUPPORTED_TYPE = "unsupported_type"
    TYPE_MISMATCH = "type_mismatch"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    TOO_MANY_FRAMES = "too_many_frames"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"


#: One sentence for people each. Those of UNSUPPORTED_TYPE and TYPE_MISMATCH are made by `sniff`, which knows more.
SENTENCES: dict[Reason, str] = {
    Reason.EMPTY: "The file is empty.",
    Reason.TOO_LARGE: "The file is larger than 25 MB, or would be larger than 100 MB once unpacked and stored safely.",
    Reason.UNRECOGNISED: "The file is not a photo in any format we know. Send a JPEG, PNG, WebP, GIF, AVIF or HEIC.",
    Reason.UNSUPPORTED_TYPE: "The file is of a type we do not accept. Send a JPEG, PNG, WebP, GIF, AVIF or HEIC.",
    Reason.TYPE_MISMATCH: "The file is a photo of another type than was declared.",
    Reason.TOO_MANY_PIXELS: "The photo has more than 40 megapixels, or a side longer than 16,384 pixels.",
    Reason.TOO_SMALL: "The photo has a side shorter than 32 pixels.",
    Reason.TOO_MANY_FRAMES: "The file has more than 200 frames; only the first would be used.",
    Reason.TRUNCATED: "The file stops in the middle: its end is missing.",
    Reason.UNDECODABLE: "The file is damaged, or not a photo: it could not be decoded within safe limits.",
}


@dataclass(frozen=True, slots=True)
class CleanPhoto:
    """A photo re-encoded from its pixels: sRGB, upright, one frame, no metadata.

    `content_type` is image/jpeg (opaque) or image/png; `width` and `height` are pixels as seen, after orientation;
    `sha256` is of `data`, in hex.
    """

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str


class RejectedPhoto(Exception):
    """The file will never be accepted: `reason` is for programs, `sentence` for people. Neither quotes the file."""

    def __init__(self, reason: Reason, sentence: str | None = None) -> None:
        self.reason = reason
        self.sentence = sentence or SENTENCES[reason]
        super().__init__(f"{reason}: {self.sentence}")
