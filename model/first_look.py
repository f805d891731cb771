"""A small corpus that PocketLM writes itself, so that `pocketlm demo` runs without any text.

It is only for a first look: a few sentence patterns of everyday messages, filled in at random. A
model trained on it learns the patterns and nothing of English beyond them.
"""

import random

DOCUMENTS = {"train": 6000, "valid": 300, "test": 300}
_SEED = 20

_SLOTS = {
    "name": "Anna|Ben|Carla|David|Emma|Felix|Grace|Hugo|Ida|Jonas|Kim|Lena|Max|Nora|Omar|Paula",
    "day": "today|tomorrow|tonight|on Monday|on Tuesday|on Friday|on Sunday|next week",
    "time": "at five|at six|at seven|at noon|after work|after lunch|in the morning|in an hour",
    "place": "the station|the park|the office|the library|my place|the cinema|the café|school",
    "food": "pizza|pasta|soup|a salad|curry|noodles|pancakes|something sweet",
    "thing": "the keys|your book|my charger|the tickets|an umbrella|the photos|some milk",
    "feeling": "great|tired|happy|a bit late|ready|hungry|so excited|fine",
    "activity": "watch a film|go for a walk|play tennis|cook together|study|have a coffee",
}
_OPENINGS = (
    "hey {name}, how are you {day}?",
    "Hi {name}! Are you free {day}?",
    "Do you want to {activity} {day}?",
    "are you coming to {place} {time}?",
    "Can you bring {thing} {day}?",
    "What should we eat {day}?",
    "I can't find {thing}, did you see it?",
    "Where are you, {name}?",
)
_REPLIES = (
    "I'm {feeling}, thanks! And you?",
    "yes, see you {time} at {place}",
    "See you {day}!",
    "Sorry, I don't have time {day}.",
    "sure, let's {activity} {time}",
    "I would like to have {food}.",
    "maybe {food}? I'm {feeling}",
    "I left {thing} at {place}, sorry",
    "ok, I will be there {time}",
    "No problem, I'll ask {name}.",
    "That sounds good, see you at {place} {time}.",
    "thank you so much {name}",
)


def first_look_splits() -> dict[str, str]:
    """The text of each split, the same on every machine."""
    generator = random.Random(_SEED)
    return {
        split: "\n".join(_document(generator) for _ in range(count))
        for split, count in DOCUMENTS.items()
    }


def _document(generator: random.Random) -> str:
    templates = [generator.choice(_OPENINGS)]
    templates += [generator.choice(_REPLIES) for _ in range(generator.randint(1, 4))]
    lines = []
    for template in templates:
        words = {slot: generator.choice(choices.split("|")) for slot, choices in _SLOTS.items()}
        lines.append(template.format(**words))
    return "\n".join(lines) + "\n"
