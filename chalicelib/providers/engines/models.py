"""What the embedded engines offer, and how much of a photo each takes, as measured on two cores."""

from chalicelib.providers.capability import Modality, Model
from chalicelib.providers.price import Price, Step

NAME = "local"

STYLE = Model(
    id="local/style-1",
    provider=NAME,
    modality=Modality.IMAGE,
    operations=("stylize",),
    price=Price(assets=1, steps=()),
    description="Repaints a photo in one of 26 styles, in a blend of them, or in the style of another picture.",
    generative=True,
    max_input_pixels=40_000_000,
    # The network sees the whole picture at once: 1.2 GB of memory and 8 seconds on two cores at 2048 x 2048.
    max_output_side_pixels=2048,
    max_outputs=1,
    takes=("style", "style_upload_id", "strength", "preserve_color"),
    sizes=(),
    allowed=(),
    max_seconds=0,
    parameters_note=(
        "The result has the photo's size, up to 2048 pixels on the longer side; larger photos are made smaller. "
        "A style taken from another picture is painted at 384 pixels and enlarged, so it is softer than a built-in one."
    ),
)

UPSCALE = Model(
    id="local/upscale-1",
    provider=NAME,
    modality=Modality.IMAGE,
    operations=("upscale",),
    price=Price(assets=2, steps=()),
    description="Makes a photo twice as wide and twice as high, with sharp edges and without inventing content.",
    generative=False,
    # 4 megapixels take about 30 processor-seconds.
    max_input_pixels=4_000_000,
    max_output_side_pixels=32_768,
    max_outputs=1,
    takes=("scale",),
    sizes=(),
    allowed=(("scale", (2,)),),
    max_seconds=0,
    parameters_note="Photos of up to 4 megapixels. Transparency is kept.",
)

UPSCALE_4 = Model(
    id="local/upscale-4",
    provider=NAME,
    modality=Modality.IMAGE,
    operations=("upscale",),
    price=Price(assets=4, steps=()),
    description="Makes a photo four times as wide and as high, and paints fine detail as it might have been.",
    generative=True,
    # 2 megapixels take about 35 processor-seconds and 1 GB of memory; with transparency, 80 and 1.9 GB.
    max_input_pixels=2_000_000,
    max_output_side_pixels=32_768,
    max_outputs=1,
    takes=("scale",),
    sizes=(),
    allowed=(("scale", (4,)),),
    max_seconds=0,
    parameters_note="Photos of up to 2 megapixels. Transparency is kept. Skin and other fine texture become smoother.",
)

DENOISE = Model(
    id="local/denoise-1",
    provider=NAME,
    modality=Modality.IMAGE,
    operations=("denoise",),
    price=Price(assets=2, steps=()),
    description="Takes noise and the traces of compression out of a photo, without inventing content.",
    generative=False,
    # As long as it takes to double the photo: 4 megapixels take about 30 processor-seconds.
    max_input_pixels=4_000_000,
    max_output_side_pixels=16_384,
    max_outputs=1,
    takes=("level",),
    sizes=(),
    allowed=(),
    max_seconds=0,
    parameters_note=(
        "Photos of up to 4 megapixels. The result has the photo's size. Transparency is kept. Levels 0 to 2 take out "
        "traces of compression; 3, which is meant if none is named, takes out grain too, and a little of fine texture."
    ),
)

CLIP = Model(
    id="local/clip-1",
    provider=NAME,
    modality=Modality.VIDEO,
    operations=("animate",),
    price=Price(assets=2, steps=(Step(measure="seconds", above=4, adds=1, per=3),)),
    description="Moves a camera over a photo: zooms in or out, or pans to a side. Nothing in the photo moves.",
    generative=False,
    max_input_pixels=40_000_000,
    # Ten seconds of 1280 x 1280 pixels take 20 processor-seconds and 1.8 GB of memory.
    max_output_side_pixels=1280,
    max_outputs=1,
    takes=("seconds", "motion"),
    sizes=(),
    allowed=(),
    max_seconds=10,
    parameters_note=(
        "MP4 with AV1 at 25 frames a second, without sound. The photo's shape stays. It zooms in if no motion is "
        "named, and takes no prompt."
    ),
)

COMPOSE = Model(
    id="local/composer-1",
    provider=NAME,
    modality=Modality.IMAGE,
    operations=("generate",),
    price=Price(assets=1, steps=()),
    description="Composes a picture of ready-made 3D drawings on a scene painted to match. No network is inside.",
    generative=False,
    max_input_pixels=0,
    max_output_side_pixels=1536,
    max_outputs=4,
    takes=("size",),
    sizes=("1024x1024", "1536x1024", "1024x1536"),
    allowed=(),
    max_seconds=0,
    parameters_note=(
        "Write in plain English what stands where, and when: two cats in the snow at night. It knows 450 animals, "
        "people, foods, buildings, vehicles and things, fourteen places, four times of day, weather and numbers up to "
        "twelve, and draws at most six different things. Words that it does not know are left out; a prompt in which "
        "there is nothing to draw is refused, and not charged. It does not change colours or poses."
    ),
)
