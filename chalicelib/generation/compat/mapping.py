"""What a request in OpenAI's words means here: pure."""

import re
from collections.abc import Iterable
from typing import Any

from chalicelib.generation import operations
from chalicelib.generation.compat.shapes import QUALITIES, EditImage, GenerateImages
from chalicelib.generation.operations.contract import Prompt
from chalicelib.generation.operations.stylize import STYLES
from chalicelib.generation.ordering.order import Order
from chalicelib.kernel.errors import UnsupportedParameter, Validation
from chalicelib.providers.capability import Model

_NUMBER = re.compile(r"(?<![\w.])\d{1,2}(?![\w.])")
_SCALE = re.compile(r"(?<![\w.])(?:([24])\s*x|x\s*([24]))(?![\w.])")


def generating(asked: GenerateImages, model: Model) -> Order:
    """Raises Validation for a model that makes no pictures from words."""
    if "generate" not in model.operations:
        raise Validation(f"model: {model.id} does {', '.join(model.operations)}", param="model")
    return Order(model.id, "generate", _pictured(asked, model), prompt=asked.prompt, n=asked.n or 1)


def editing(asked: EditImage, model: Model) -> Order:
    """Of the upload that it names, if any. By what the model does: words as they are for `edit`; else the style or the
    scale that they name. Raises Validation, UnsupportedParameter."""
    operation = _photo_operation(asked, model)
    wanted = operations.operation(operation)
    if operation == "stylize":
        parameters: dict[str, Any] = {"style": style_in(asked.prompt)}
    elif operation == "upscale":
        parameters = scale_in(asked.prompt)
    else:
        parameters = _pictured(asked, model)
    if operation in ("stylize", "upscale"):
        for name in ("size", "quality"):
            if getattr(asked, name) not in (None, "auto", "standard"):
                raise UnsupportedParameter(f"{name}: {model.id} does not take it", param=name)
    prompt = asked.prompt if wanted.prompt is not Prompt.NONE else None
    return Order(model.id, operation, parameters, upload_id=asked.upload_id, prompt=prompt, n=asked.n or 1)


def style_in(prompt: str) -> str | int:
    """The one style that a prompt names, by its name or its number. Raises Validation that lists them."""
    words = re.sub(r"[\s_-]+", "-", prompt.lower())
    named: set[str | int] = {style for style in STYLES if style in words}
    if not named:
        named = {int(found) for found in _NUMBER.findall(prompt) if int(found) < len(STYLES)}
    if len(named) != 1:
        raise Validation(f"prompt: name one of the styles {', '.join(STYLES)}, or its number", param="prompt")
    return named.pop()


def scale_in(prompt: str) -> dict[str, Any]:
    """What `2x` or `4x` in a prompt says, as the parameters of `upscale`; none, which is the model's own, if it says
    nothing."""
    found = _SCALE.search(prompt.lower())
    return {"scale": int(found[1] or found[2])} if found else {}


def default_model(models: Iterable[Model], operation: str, embedded: Iterable[str]) -> str:
    """The model that is meant where none is named: the first of our own that does it, else the first. Raises
    Validation."""
    ours = frozenset(embedded)
    able = sorted((model.id for model in models if operation in model.operations), key=lambda i: (i not in ours, i))
    if not able:
        raise Validation(f"model: no model is enabled that does {operation}", param="model")
    return able[0]


def _photo_operation(asked: EditImage, model: Model) -> str:
    able = [name for name in model.operations if operations.operation(name).needs_photo]
    if asked.operation is not None:
        if asked.operation not in able:
            raise Validation(
                f"operation: {model.id} does {', '.join(able) or 'nothing'} with photos", param="operation"
            )
        return asked.operation
    if not able:
        raise Validation(f"model: {model.id} takes no photo", param="model")
    return "edit" if "edit" in able else able[0]


def _pictured(asked: GenerateImages | EditImage, model: Model) -> dict[str, Any]:
    """Raises UnsupportedParameter or Validation, in the words that OpenAI's API has for it."""
    asked_for: dict[str, Any] = {
        "size": None if asked.size == "auto" else asked.size,
        "quality": QUALITIES[asked.quality],
        "transparent": True if asked.background == "transparent" else None,
    }
    parameters = {name: value for name, value in asked_for.items() if value is not None}
    offered = {"size": model.sizes, **dict(model.allowed)}
    for name, value in parameters.items():
        called = "background" if name == "transparent" else name
        if name not in model.takes:
            raise UnsupportedParameter(f"{called}: {model.id} does not take it", param=called)
        if name in offered and value not in offered[name]:
            raise Validation(f"{called}: {model.id} takes {' or '.join(map(str, offered[name]))}", param=called)
    return parameters
