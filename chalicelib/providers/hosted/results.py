"""What is made of the files that hosted providers send. Nothing that they say of a file is believed: what it is, how
large and how long is read from the file itself, a picture must decode, and metadata is taken out. Pure."""

import base64
import binascii
import io
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from chalicelib.media.limits import MAX_SIDE_PIXELS
from chalicelib.media.measure import Measured, Unmeasurable, measure
from chalicelib.media.strip import strip
from chalicelib.outbound.request import OutboundError, Reply, ReplyTooLarge, Request
from chalicelib.providers.capability import Modality
from chalicelib.providers.hosted.talking import Line
from chalicelib.providers.job import (
    ContentBlocked,
    Done,
    Missing,
    Output,
    ProviderFailed,
    ProviderUnavailable,
)

MAX_BYTES: Mapping[Modality, int] = {
    Modality.IMAGE: 64 * 1024 * 1024,
    Modality.VIDEO: 200 * 1024 * 1024,
    Modality.AUDIO: 64 * 1024 * 1024,
}
#: Four times the sides of a photo of four megapixels. More takes more memory to decode than a worker has.
MAX_RESULT_PIXELS = 64_000_000
#: Several of these have to fit into the time that a worker may hold a job.
FETCH_SECONDS = 20.0
FETCH_TRIES = 2
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}

BLOCKED = Missing(code="content_blocked", message="The provider refuses to show this result.", blocked=True)


def missing(code: str, message: str) -> Missing:
    return Missing(code=code, message=message, blocked=False)


def output_of(data: bytes, modality: Modality, seed: int | None) -> Output | Missing:
    """One result, or why it is none."""
    if len(data) > MAX_BYTES[modality]:
        return missing("result_too_large", "The result is larger than can be kept.")
    try:
        measured = measure(data)
        bare = strip(measured.content_type, data)
    except Unmeasurable as error:
        return missing("result_unusable", f"The result is {error}.")
    if not measured.content_type.startswith(f"{modality}/"):
        return missing("result_unusable", f"The result is {measured.content_type}, no {modality}.")
    wrong = _does_not_decode(bare, measured) if modality is Modality.IMAGE else ""
    if wrong:
        return missing("result_unusable", wrong)
    return Output(
        data=bare,
        content_type=measured.content_type,
        width=measured.width,
        height=measured.height,
        seconds=measured.seconds,
        seed=seed,
    )


def _does_not_decode(data: bytes, measured: Measured) -> str:
    """Why a picture is none; empty if it is one."""
    width, height = measured.width or 0, measured.height or 0
    if width * height > MAX_RESULT_PIXELS or max(width, height) > MAX_SIDE_PIXELS:
        return "The result has more pixels than can be kept."
    # Loaded only where a picture came: the functions that take orders never need it.
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=[_FORMATS[measured.content_type]]) as picture:
            picture.load()
    except (Image.DecompressionBombError, EOFError, IndexError, OSError, SyntaxError, ValueError):
        return "The result is a damaged picture."
    return ""


def from_base64(text: object, modality: Modality, seed: int | None) -> Output | Missing:
    """The result that an answer holds in base64, with or without `data:…;base64,` in front."""
    if not isinstance(text, str):
        return missing("result_unusable", "The provider sent no result.")
    try:
        data = base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        return missing("result_unusable", "The result is no base64.")
    return output_of(data, modality, seed)


def fetched(
    line: Line,
    url: object,
    hosts: Sequence[str],
    modality: Modality,
    seed: int | None,
    headers: Mapping[str, str] | None = None,
) -> Output | Missing:
    """The result at a URL that the provider gave, if it is at one of its own hosts, as `Capability.hosts` names them.

    Raises ProviderUnavailable when it cannot be had now.
    """
    if not isinstance(url, str) or not is_at(url, hosts):
        return missing("result_elsewhere", "The provider names a result at a host that it has not declared.")
    request = Request(
        method="GET",
        url=url,
        headers=headers or {},
        timeout_seconds=FETCH_SECONDS,
        max_answer_bytes=MAX_BYTES[modality],
    )
    try:
        reply = line.send(request)
    except ReplyTooLarge:
        return missing("result_too_large", "The result is larger than can be kept.")
    except OutboundError:
        raise ProviderUnavailable("unreachable", f"A result of {line.called} cannot be fetched now.") from None
    return _body(line, reply, modality, seed)


def fetched_at_last(
    line: Line, url: object, hosts: Sequence[str], modality: Modality, headers: Mapping[str, str] | None = None
) -> Output | Missing:
    """The same where nobody will come back for it: what cannot be had after FETCH_TRIES is missing."""
    for _ in range(FETCH_TRIES):
        try:
            return fetched(line, url, hosts, modality, None, headers)
        except ProviderUnavailable:
            continue
    return missing("result_gone", "The result could not be fetched.")


def _body(line: Line, reply: Reply, modality: Modality, seed: int | None) -> Output | Missing:
    if reply.status == 200:
        return output_of(reply.body, modality, seed)
    if reply.status == 429 or reply.status >= 500:
        raise ProviderUnavailable("unreachable", f"A result of {line.called} cannot be fetched now.")
    return missing("result_gone", "The result is not there any more.")


def is_at(url: str, hosts: Sequence[str]) -> bool:
    """Whether the URL is of one of these hosts: `name`, `name:port`, or `*.name` for any below it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("https", "http") or parts.username is not None or not parts.hostname:
        return False
    own = parts.hostname if port in (None, 443) else f"{parts.hostname}:{port}"
    return any(own.endswith(host[1:]) if host.startswith("*.") else own == host for host in hosts)


def finished(outputs: Sequence[Output | Missing], request_id: str, cost_microdollars: int | None) -> Done:
    """The job with what came of it. Raises ContentBlocked or ProviderFailed where nothing did."""
    absent = [output for output in outputs if isinstance(output, Missing)]
    if len(absent) == len(outputs):
        if absent and all(each.blocked for each in absent):
            raise ContentBlocked("content_blocked", "The provider refuses this content.")
        code = next((each.code for each in absent if not each.blocked), "malformed_answer")
        words = next((each.message for each in absent if not each.blocked), "The provider made nothing.")
        raise ProviderFailed(code, words)
    return Done(outputs=tuple(outputs), request_id=request_id[:200], cost_microdollars=cost_microdollars)
