"""Names, and what people say when they say nothing: greetings, reactions, chatter.

None of these lines holds a value of an attribute, so none can answer a question.
"""

from __future__ import annotations

__all__ = [
    "CHATTER", "CLOSINGS", "DEGREES", "GREETINGS", "KIN", "MOODS", "OUTSIDERS", "PEOPLE",
    "PREFACES", "REACTIONS", "RELATIONS", "REPLIES",
]  # fmt: skip

PEOPLE = (
    "Ana", "Bilal", "Chidi", "Dora", "Emeka", "Farah", "Gustav", "Hana", "Ivan", "Jamila", "Kofi",
    "Lena", "Mateo", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Stefan", "Tara", "Umar",
    "Violet", "Wanda", "Yusuf", "Zoe",
)  # fmt: skip

OUTSIDERS = (
    "Teo", "Vera", "Milo", "Greta", "Anselm", "Bianca", "Cyril", "Delia", "Edgar", "Fiona",
    "Gideon", "Helga", "Ignace", "Juno", "Kasper", "Ludmila", "Magnus", "Noor", "Olga", "Pablo",
    "Ramona", "Silas", "Thora", "Ulrich", "Viggo", "Winnie", "Xenia", "Yolanda", "Zeno", "Alba",
    "Bram", "Clio", "Dario", "Elif", "Fergus", "Gemma", "Hugo", "Ines", "Joris", "Kaja", "Leif",
    "Mireille", "Nestor", "Otis", "Petra", "Rufus", "Saskia", "Tibor", "Ursula", "Wanja",
)  # fmt: skip

KIN = ("cousin", "colleague", "old schoolmate", "dance partner", "classmate", "pen friend")

RELATIONS = (
    "flatmate",
    "boss",
    "neighbour",
    "coach",
    "yoga teacher",
    "landlord",
    "mentor",
    "tutor",
)

GREETINGS = (
    ("Hey {other}! Good to see you.", "Hi {me}! It has been a while. How are you?"),
    ("Hello {other}, do you have a minute?", "For you, always. What is going on, {me}?"),
    ("{other}! Finally a quiet moment.", "Tell me about it. How have you been, {me}?"),
    ("Hi {other}, how was your week?", "Busy, but fine. And yours, {me}?"),
    ("Good evening, {other}.", "Evening, {me}! You sound cheerful."),
    ("Hey, is this a good time, {other}?", "Perfect timing, {me}, I just sat down."),
)

PREFACES = (
    "", "", "", "Guess what? ", "Big news. ", "By the way, listen to this. ",
    "Oh, before I forget. ", "I have not told you yet. ", "So, an update from me. ",
    "Here is something. ",
)  # fmt: skip

REACTIONS = (
    "Oh really? I did not expect that.", "Thanks for telling me.", "Good to know!",
    "Ha, that is so you.", "I see. How do you feel about it?", "Wow, things move fast with you.",
    "Noted. Tell me more another time.", "I will remember that.", "Interesting, I had no idea.",
    "Well, that makes sense.", "Okay, got it.", "You are full of surprises.",
    "I am glad that you told me.", "Right, I will keep it in mind.",
)  # fmt: skip

REPLIES = (
    "I know what you mean.", "Same here, to be honest.", "Ha, classic.", "You are not alone there.",
    "Let us hope it gets better soon.", "I could not agree more.", "That made me laugh.",
    "True. We should do that together some time.", "Oh dear. Well, it happens.",
    "Sounds about right.",
)  # fmt: skip

CHATTER = (
    "The weather has been so {mood} lately.", "I slept {badly} badly last night.",
    "The line at the supermarket was {badly} long today.", "The trains were {mood} again.",
    "I watched the clouds for an hour, it was {mood}.", "My inbox is {badly} full.",
    "I tried to tidy the kitchen, the result is {mood}.", "The park looked {mood} this morning.",
    "I cannot believe how {badly} fast the year goes by.", "Someone sang in the street all night, "
    "how {mood}.", "I lost my umbrella again, how {mood}.", "The new season of that show is "
    "{mood}.", "I walked home the long way, it was {mood}.",
    "My phone battery drains {badly} fast.",
    "The lift is out of order again, so {mood}.", "The soup at the canteen was {badly} salty.",
    "My plants look {mood} this month.", "The traffic was {badly} slow today.",
    "I forgot my keys, which was {mood}.", "I had a {mood} dream, but I cannot recall it.",
)  # fmt: skip

MOODS = ("strange", "lovely", "dull", "wild", "odd", "nice", "gloomy", "funny")
DEGREES = ("terribly", "oddly", "awfully", "really", "incredibly", "rather")

CLOSINGS = (
    "I have to run, talk soon!", "Take care, see you around.", "Let us catch up again soon.",
    "That is my stop, bye!", "Good night, and thanks for listening.",
)  # fmt: skip
