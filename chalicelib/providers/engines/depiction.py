"""What a prompt asks to see, as far as there is art for it: no language model, only names, places and numbers."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from chalicelib.providers.engines.artwork import Drawing, Kind, drawings
from chalicelib.providers.engines.vocabulary import (
    BREAKS,
    COLLECTIVES,
    COUNTS,
    IDIOMS,
    MAX_FIGURES,
    NEGATIONS,
    PLACES,
    SILENT,
    TIMES,
    WEATHERS,
)

LONGEST_PHRASE_WORDS = 4
MAX_SUBJECTS = 6
#: How many are drawn of a plural without a number.
PLURAL = 3
_TOKEN = re.compile(r"[a-z0-9]+(?:'s)?|[,.;:]")
_ENDINGS = (
    ("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("buses", "bus"), ("muses", "mus"),
    ("puses", "pus"), ("tuses", "tus"),
)  # fmt: skip
_IRREGULAR = {
    "axes": "axe", "cookies": "cookie", "elves": "elf", "genies": "genie", "heroes": "hero", "knives": "knife",
    "leaves": "leaf", "loaves": "loaf", "mangoes": "mango", "movies": "movie", "pixies": "pixie",
    "potatoes": "potato", "scarves": "scarf", "superheroes": "superhero", "tomatoes": "tomato",
    "volcanoes": "volcano", "wolves": "wolf", "zombies": "zombie",
}  # fmt: skip
_SAME = frozenset(
    {
        "chess", "christmas", "claus", "glasses", "iris", "lens", "oasis", "paris", "series", "species", "sunglasses",
        "tennis", "this",
    }
)  # fmt: skip
#: Plurals whose last letter does not say so.
_PLURALS = frozenset({"mice", "geese", "men", "women", "people", "children", "oxen", "cacti", "snowmen", "cattle"})


class Subject(NamedTuple):
    """Something to draw, and how many times."""

    drawing: Drawing
    many: int


class Depiction(NamedTuple):
    """`place` is one of `vocabulary.PLACES`'s, `time` of `TIMES`'s, `weather` of `WEATHERS`'s or empty."""

    subjects: tuple[Subject, ...]
    place: str
    time: str
    weather: str


class NotDepictable(Exception):
    """There is no art for what the prompt asks for."""


class _Word(NamedTuple):
    text: str  # as `singular` leaves it
    is_plural: bool


def depicted(prompt: str) -> Depiction:
    """What to draw. Raises NotDepictable when nothing in the prompt can be drawn."""
    words = [_word(token) for token in _TOKEN.findall(_plain(prompt))]
    reading = _Reading()
    at = 0
    while at < len(words):
        at = reading.take(words, at)
    return reading.finished()


class _Reading:
    """Goes over the words once, from left to right, the longest phrase that means something first."""

    def __init__(self) -> None:
        self._counts: dict[Drawing, int] = {}
        self._places: list[str] = []
        self._times: list[str] = []
        self._weathers: list[str] = []
        self._unknown = 0
        self._is_unwanted = False
        self._number: int | None = None

    def take(self, words: list[_Word], at: int) -> int:
        """Reads the phrase that begins there; returns where the next begins."""
        phrase, length = _phrase(words, at)
        if phrase is not None:
            self._read(phrase, words, at, length)
            return at + length
        word = words[at].text
        if word in NEGATIONS:
            self._is_unwanted = True
        elif word in BREAKS:
            self._is_unwanted = False
            self._number = None
        elif _is_count(words, at):
            # "a pair of", "two dozen": the larger says how many.
            self._number = max(self._number or 0, _number(word))
        elif word not in SILENT:
            self._unknown += 1
        return at + 1

    def _read(self, phrase: str, words: list[_Word], at: int, length: int) -> None:
        number, self._number = self._number, None
        if self._is_unwanted or phrase in IDIOMS:
            return
        if phrase in PLACES:
            self._places.append(PLACES[phrase])
        if phrase in TIMES:
            self._times.append(TIMES[phrase])
        if phrase in WEATHERS:
            self._weathers.append(WEATHERS[phrase])
        drawing = _names().get(phrase)
        if drawing is None or phrase in PLACES:
            return
        after, _ = _phrase(words, at + length)
        if after is not None and after in _names() and not words[at + length - 1].is_plural:
            self._number = number  # "an orange cat", "a chicken sandwich": the last noun is the thing
            return
        several = PLURAL if words[at + length - 1].is_plural and not drawing.names[0].endswith("s") else 1
        wanted = number if number is not None and (number > 1 or several == 1) else several
        self._counts[drawing] = self._counts.get(drawing, 0) + max(1, wanted)

    def finished(self) -> Depiction:
        seen = self._places + self._times + self._weathers
        if not self._counts and (not self._places or self._unknown > len(seen)):
            raise NotDepictable
        subjects, left = [], MAX_FIGURES
        for drawing, count in list(self._counts.items())[:MAX_SUBJECTS]:
            if left > 0:
                subjects.append(Subject(drawing, min(count, left)))
                left -= count
        place = self._places[0] if self._places else _home(subjects)
        time = self._times[0] if self._times else _usual_time(subjects)
        return Depiction(tuple(subjects), place, time, self._weathers[0] if self._weathers else "")


def _phrase(words: list[_Word], at: int) -> tuple[str | None, int]:
    """The longest phrase that means something and begins there, and its length in words."""
    for length in range(min(LONGEST_PHRASE_WORDS, len(words) - at), 0, -1):
        phrase = " ".join(word.text for word in words[at : at + length])
        if phrase in _names() or phrase in PLACES or phrase in TIMES or phrase in WEATHERS or phrase in IDIOMS:
            if length == 1 and _is_count(words, at):
                return None, 0
            return phrase, length
    return None, 0


def _is_count(words: list[_Word], at: int) -> bool:
    word = words[at].text
    if word.isdigit():
        return 0 < len(word) < 4
    if word in COLLECTIVES:
        return at + 1 < len(words) and words[at + 1].text == "of"
    return word in COUNTS


def _number(word: str) -> int:
    return min(int(word) if word.isdigit() else COUNTS[word], MAX_FIGURES)


def _home(subjects: list[Subject]) -> str:
    """The place for a prompt that names none: where its subjects are at home."""
    kinds = {subject.drawing.kind for subject in subjects}
    named = [subject.drawing.home for subject in subjects if subject.drawing.home]
    if kinds <= {Kind.SWIM}:
        return "underwater"
    if Kind.FLOAT in kinds:
        return "lake" if "lake" in named else "sea"
    if named and not (named[0] == "space" and kinds - {Kind.SKY, Kind.BUST}):
        return named[0]
    if Kind.THING in kinds and kinds <= {Kind.THING, Kind.BUST}:
        return "indoors"
    return "meadow"


def _usual_time(subjects: list[Subject]) -> str:
    """The time of day for a prompt that names none."""
    arts = {subject.drawing.art for subject in subjects}
    return "night" if arts & {"full-moon", "crescent-moon", "star", "comet"} else "day"


def _word(token: str) -> _Word:
    token = token.removesuffix("'s")
    single = singular(token)
    return _Word(single, single != token or token in _PLURALS)


def _plain(text: str) -> str:
    """The text in small letters without accents, hyphens and curved apostrophes."""
    apart = unicodedata.normalize("NFKD", text.lower().replace("-", " ").replace("\u2019", "'"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def singular(word: str) -> str:
    """The word without its plural's ending; what is no plural stays as it is."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.endswith("s") or word in _SAME or word.endswith(("ss", "us")):
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + instead
    return word[:-1]


@lru_cache(maxsize=1)
def _names() -> dict[str, Drawing]:
    """Every drawing by each of its names, as `_word` leaves their words."""
    found: dict[str, Drawing] = {}
    for drawing in drawings().values():
        for name in drawing.names:
            found.setdefault(" ".join(_word(token).text for token in _TOKEN.findall(_plain(name))), drawing)
    return found
