"""What the experimenter has to do: the README of a listening test."""

import textwrap

from wheesht.report.listening.key import Key

MUSHRA = """
Each listener hears {n_items} clips. Of each there are {n_sounds} versions under numbers, to be
rated from 0 to 100 beside the open reference, the clean speech: {conditions}. BS.1534 asks for
listeners who are used to such tests, and excludes those who rate the hidden reference below 90 in
more than 15 % of the clips; the analysis does that and says so. 20 listeners are usual.
"""
AB = """
Each listener hears {n_items} pairs of versions of a clip and says which is preferred, or that
there is no preference. Compared are: {conditions}.
"""
STEPS = """
1. Give the folder page/ to the listeners: zipped, on a stick, or put on any web server. They open
index.html in a browser; nothing has to be installed, and nothing is sent anywhere. Chrome,
Edge, Firefox and Safari of the last years work.

2. Keep key.json to yourself: it says what each sound is. A listener who wants to find out can,
with the tools of a programmer, since the sounds are all there; the test is blind to eyes and
ears, not to those.

3. Each listener chooses a name or number, uses headphones in a quiet room, sets the volume during
practice and then leaves it alone. Answers are kept in the browser while the test goes on. At its
end a file is saved, wheesht-{kit}-NAME.csv, to be sent to you.

4. Put the files into the folder results/ beside key.json, or any folder with a copy of key.json,
and run

    wheesht report --listening-results FOLDER

All sounds of a clip have the same loudness ({loudness}; ITU-R BS.1770), are mono at 16 kHz
with 16 bits, and none is clipped. {selection} The order of clips and of versions is drawn anew
for each listener from the name, and is part of the file.
"""


def guide(key: Key) -> str:
    """Return the text of ``README.txt``."""
    lowest = min(item.loudness for item in key.items.values())
    highest = max(item.loudness for item in key.items.values())
    loudness = f"{highest:.1f} LUFS"
    if f"{lowest:.1f}" != f"{highest:.1f}":
        loudness = f"{lowest:.1f} to {highest:.1f} LUFS, by clip"
    text = ({"mushra": MUSHRA, "ab": AB}[key.kind] + STEPS).format(
        n_items=len(key.items),
        n_sounds=len(key.conditions),
        conditions="; ".join(condition.name for condition in key.conditions),
        kit=key.kit,
        loudness=loudness,
        selection=key.facts["selection"],
    )
    parts = [f"Listening test {key.kit}", *text.strip().split("\n\n")]
    parts += [f"Note: {note}." for note in key.facts["notes"]]
    return "\n\n".join(map(_wrapped, parts)) + "\n"


def _wrapped(part: str) -> str:
    if part.startswith("    "):  # a command
        return part
    words = " ".join(part.split()).replace(
        ", P = ", ",\xa0P\xa0=\xa0"
    )  # a setting stays in one line
    return textwrap.fill(words, 80).replace("\xa0", " ")
