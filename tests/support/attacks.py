"""What people do to pictures, for showing what marks survive."""

import io

from PIL import Image, ImageEnhance, ImageFilter


def encoded(picture: Image.Image, kind: str, quality: int) -> Image.Image:
    """The picture after lossy compression, chroma at half resolution."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=quality)
    return Image.open(buffer).convert("RGB")


def scaled(picture: Image.Image, x: float, y: float) -> Image.Image:
    return picture.resize((round(picture.width * x), round(picture.height * y)), Image.Resampling.LANCZOS)


def cropped(picture: Image.Image, area: float, x: float, y: float) -> Image.Image:
    """That share of the area; what is cut off is shared out between the sides by x and y."""
    width, height = (int(side * area**0.5) for side in picture.size)
    left, top = int((picture.width - width) * x), int((picture.height - height) * y)
    return picture.crop((left, top, left + width, top + height))


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    return picture.rotate(degrees, Image.Resampling.BICUBIC)


def screenshot(picture: Image.Image) -> Image.Image:
    """Scaled to a screen, a little blurred, brighter and flatter, then JPEG."""
    seen = scaled(picture, 0.73, 0.73).filter(ImageFilter.GaussianBlur(0.6))
    return encoded(ImageEnhance.Contrast(ImageEnhance.Brightness(seen).enhance(1.06)).enhance(0.95), "JPEG", 85)


def social(picture: Image.Image) -> Image.Image:
    """As messengers pass pictures on: made smaller, then compressed twice."""
    return encoded(encoded(scaled(picture, 0.78, 0.78), "JPEG", 70), "JPEG", 75)
