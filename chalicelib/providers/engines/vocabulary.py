"""The words that a composed picture goes by, besides the names of its art: places, light, weather, how many.

Phrases are written as `depiction` reads them: small letters, singular, no hyphens.
"""

#: Phrase → the place that it names (see `scenery`).
PLACES = {
    phrase: place
    for place, phrases in {
        "snow": "snow, snowy, snowing, snowfall, winter, wintry, arctic, "
        "antarctica, tundra, north pole, south pole, blizzard",
        "beach": "beach, seaside, coast, shore, seashore, tropical beach",
        "sea": "sea, ocean, open sea, wave",
        "lake": "lake, river, pond, river bank, riverbank, lakeside, waterfall, stream, swamp",
        "desert": "desert, dune, sand dune, sahara",
        "city": "city, street, town, downtown, skyline, urban, road, "
        "cityscape, metropolis, new york, tokyo, london, paris",
        "forest": "forest, wood, woodland, jungle, rainforest, grove",
        "meadow": "meadow, grass, field, garden, park, farm, countryside, lawn, hill, valley, pasture, picnic, spring",
        "mountains": "mountain, mountain range, alp, the alp, himalaya, cliff, mountain top, peak",
        "savanna": "savanna, savannah, safari, africa, steppe, prairie",
        "space": "space, outer space, galaxy, cosmos, universe, nebula, milky way, orbit",
        "moonscape": "on the moon, moon surface, lunar surface, surface of the moon, lunar landscape, moonscape",
        "underwater": "underwater, under water, under the sea, under the ocean, bottom of the sea, "
        "sea bed, seabed, aquarium",
        "indoors": "room, living room, table, kitchen, desk, floor, indoor, "
        "cafe, restaurant, library, office, bedroom, shelf",
    }.items()
    for phrase in phrases.split(", ")
}

#: Phrase → the time of day that it names.
TIMES = {
    phrase: time
    for time, phrases in {
        "day": "day, daytime, sunny, noon, midday, morning, afternoon, bright, daylight, sunshine, blue sky",
        "sunset": "sunset, dusk, evening, golden hour, twilight, sundown, autumn, fall",
        "sunrise": "sunrise, dawn, daybreak, early morning",
        "night": "night, midnight, nighttime, moonlight, moonlit, starry, "
        "dark, starlight, under the star, starry sky, night sky",
    }.items()
    for phrase in phrases.split(", ")
}

#: Phrase → the weather that it names.
WEATHERS = {
    phrase: weather
    for weather, phrases in {
        "rain": "rain, raining, rainy, storm, stormy, thunderstorm, rainfall, drizzle",
        "snowfall": "snowing, snowfall, blizzard, snowflake, falling snow",
        "fog": "fog, foggy, mist, misty, haze, hazy",
        "clouds": "cloudy, overcast, clouded",
    }.items()
    for phrase in phrases.split(", ")
}

#: How many a word or numeral asks for. More than `MAX_FIGURES` are never drawn.
COUNTS = {
    "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "pair": 2, "couple": 2, "trio": 3,
    "few": 3, "some": 3, "several": 4, "many": 7, "lot": 7, "group": 5, "herd": 5, "flock": 5, "bunch": 4, "pack": 4,
    "crowd": 7, "school": 5, "family": 3, "row": 4,
}  # fmt: skip
#: Words of COUNTS that count only in front of "of": alone they are things.
COLLECTIVES = frozenset(
    {"couple", "lot", "group", "herd", "flock", "bunch", "crowd", "pack", "school", "family", "row"}
)
MAX_FIGURES = 12

#: What follows these is not wanted.
NEGATIONS = frozenset({"no", "without", "not", "except"})
#: What a negation does not reach beyond.
BREAKS = frozenset({",", ".", ";", ":", "and", "but", "with", "in", "on", "at"})

#: Phrases that hold the name of something else.
IDIOMS = frozenset(
    {"baseball bat", "cricket bat", "cat walk", "hot spring", "star war", "bird eye view", "traffic light"}
)

#: Words that a prompt may hold and that ask for nothing: they are no sign that something cannot be drawn.
SILENT = frozenset(
    {
        "a", "an", "the", "of", "in", "on", "at", "with", "by", "for", "to", "from", "under", "over", "near", "its",
        "his", "her", "their", "into", "is", "are", "and", "or", "as", "it", "that", "this", "photo", "picture",
        "image", "painting", "drawing", "illustration", "render", "style", "art", "artwork", "scene", "view",
        "landscape", "portrait", "wallpaper", "background", "poster", "scenery", "very", "really", "beautiful",
        "pretty", "cute", "lovely", "calm", "quiet", "peaceful", "tranquil", "serene", "dramatic", "majestic",
        "colorful", "colourful", "cozy", "cosy", "bright", "soft", "warm", "cool", "cold", "hot", "vivid", "vibrant",
        "detailed", "highly", "realistic", "stunning", "amazing", "epic", "magical", "dreamy", "small", "big", "little",
        "large", "tiny", "huge", "giant", "tall", "old", "new", "young", "red", "blue", "green", "yellow", "white",
        "black", "orange", "purple", "pink", "brown", "golden", "gold", "silver", "grey", "gray", "clear", "empty",
        "lonely", "wide", "deep", "distant", "light", "lit", "sky", "water", "sand", "ice", "air", "4k", "8k", "hd",
        "3d", "high", "quality", "resolution", "no", "without", "not", "please", "draw", "show", "make", "me", "some",
    }
)  # fmt: skip
