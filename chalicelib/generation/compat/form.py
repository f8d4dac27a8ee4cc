"""Bodies of multipart/form-data (RFC 7578), which nothing but the compatible edit route reads: pure."""

from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from chalicelib.kernel.errors import PayloadTooLarge, UnsupportedMediaType, Validation

#: API Gateway hands a binary body over in base64, and a Lambda takes 6 MB in all.
MAX_FORM_BYTES = 4_400_000
MAX_PARTS = 40
MAX_FIELD_BYTES = 64 * 1024
MAX_HEADER_BYTES = 8 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """Text fields by name, and files: (field, bytes). Boundaries and file names are nothing that counts."""

    fields: dict[str, str]
    files: list[tuple[str, bytes]]


def read(content_type: str, body: bytes) -> Form:
    """Raises UnsupportedMediaType, PayloadTooLarge, or Validation for what is malformed."""
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise UnsupportedMediaType(f"This route reads multipart/form-data, not {kind!r}.")
    if len(body) > MAX_FORM_BYTES:
        raise PayloadTooLarge(
            f"The body has {len(body)} bytes; at most {MAX_FORM_BYTES} are read here. Larger photos go to the form "
            "that `POST /v1/uploads` answers; then send `upload_id` instead of `image`."
        )
    fields: dict[str, str] = {}
    files: list[tuple[str, bytes]] = []
    try:
        for name, is_file, data in _parts(options["boundary"], body):
            if is_file:
                files.append((name, data))
            elif name in fields:
                raise Validation(f"{name}: is given more than once", param=name)
            elif len(data) > MAX_FIELD_BYTES:
                raise Validation(f"{name}: has more than {MAX_FIELD_BYTES} bytes", param=name)
            else:
                fields[name] = data.decode()
    except MultipartError:
        raise Validation("The body is not well-formed multipart/form-data.") from None
    except UnicodeDecodeError:
        raise Validation("The fields of the form are not UTF-8.") from None
    return Form(fields, files)


def _parts(boundary: str, body: bytes) -> list[tuple[str, bool, bytes]]:
    """(name, whether it is a file, bytes). Raises MultipartError."""
    found: list[tuple[str, bool, bytes]] = []
    limits = {"max_segment_count": MAX_PARTS, "max_header_size": MAX_HEADER_BYTES}
    with PushMultipartParser(boundary, content_length=len(body), **limits) as parser:
        segment: MultipartSegment | None = None
        chunks: list[bytes] = []
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                segment, chunks = event, []
            elif event:
                chunks.append(bytes(event))
            elif segment is not None:
                found.append((segment.name, segment.filename is not None, b"".join(chunks)))
                segment = None
        parser.parse(b"")
    return found
