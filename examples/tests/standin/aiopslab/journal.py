"""What was done to the environment, for the tests to read."""

import os


def note(event):
    """Appends a line that is there even if the process dies at once."""
    with open(os.environ["STANDIN_JOURNAL"], "a", encoding="utf-8") as file:
        file.write(f"{event}\n")
