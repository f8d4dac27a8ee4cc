"""How much of anything a photo may be, and how much of the machine its decoding may take.

The pixel, side and frame limits are checked on what the file's header claims, before any pixel is decoded, and again
on what came out. The child's limits hold whatever the file claims.
"""

#: Formats a photo may arrive in, as the types that `POST /v1/uploads` may declare.
ACCEPTED_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/heic", "image/heif")

#: Formats a cleaned photo leaves in: JPEG for what was lossy and opaque, PNG for the rest.
CLEAN_TYPES = ("image/jpeg", "image/png")

MAX_UPLOAD_BYTES = 25_000_000
#: A cleaned photo. What decodes to more detail than this came from a file made to do so.
MAX_CLEAN_BYTES = 100_000_000
MAX_PIXELS = 40_000_000
MAX_SIDE_PIXELS = 16_384
#: Below this no engine has anything to work on.
MIN_SIDE_PIXELS = 32
MAX_FRAMES = 200

#: What the child decodes in. The largest photo accepted decodes in less than 750 MB, measured with each format.
CHILD_ADDRESS_SPACE_BYTES = 1_000_000_000
CHILD_CPU_SECONDS = 20
CHILD_WALL_SECONDS = 45
CHILD_OPEN_FILES = 16
#: The child's header line, before the picture's bytes.
MAX_HEADER_BYTES = 512
