"""Words for messages: lists, and names that may be meant."""

import difflib
from collections.abc import Collection, Iterable


def listed(words: Iterable, last: str = "and") -> str:
    """Lists words, with another word before the last."""
    *first, final = map(str, words)
    return f"{', '.join(first)} {last} {final}" if first else final


def hint_of(name: object, known: Collection[str], what: str) -> str:
    """Says which name may be meant, or which there are."""
    near = difflib.get_close_matches(str(name), known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"the {what}s are {listed(known)}" if len(known) > 1 else f"the only {what} is {listed(known)}"
