"""The answer of a comparison in words: which model is best, and what can be said of it beside the others."""

from collections.abc import Callable, Mapping, Sequence


def answer(
    board: Sequence[Mapping],
    pairs: Sequence[Mapping],
    number: Callable[..., str],
    name: str,
    what: str,
) -> list[str]:
    """Says which model has the best score, and what is known of it beside each other one.

    Args:
        board: The lines of the leaderboard, the best model first, each with its ``label``.
        pairs: The records of ``differences`` for the metric that ranks.
        number: Writes a difference of the metric.
        name: Its name in words.
        what: What there are several of, ``split`` or ``training``.

    Returns:
        Sentences.
    """
    best, labels = board[0]["model"], {line["model"]: line["label"] for line in board}
    splits = int(board[0]["shared_splits"])
    over = f"on average over {splits:,} {what}s" if splits > 1 else f"on the one {what}"
    if any(line["splits"] > splits for line in board):
        over = over.replace("over ", "over the ") + " that all models have"
    found = [f"{labels[best]} has the best {name}, {number(board[0]['mean_on_shared'], sign='')} {over}."]
    by_verdict: dict[str, list[str]] = {}
    for line in board[1:]:
        pair = beside(pairs, best, line["model"])
        if pair is None or not pair["verdict"]:
            continue
        text = f"{line['label']} ({number(pair['difference'])}, {number(pair['together_low'])} to {number(pair['together_high'])})"
        if pair["verdict"] == "open" and pair["rows_for_sign"] and pair["rows_needed"]:
            sign, needed = pair["rows_for_sign"], pair["rows_needed"]
            either = f"about {sign:,.0f} rows would tell if the difference is what it seems, and {needed:,.0f} in any case"
            text = f"{text[:-1]}; {either if sign < needed else f'about {needed:,.0f} rows would tell'})"
        by_verdict.setdefault(pair["verdict"], []).append(text)
    words = {
        "better": "It is better than {}.",
        "equivalent": "In practice it makes no difference to {}.",
        "open": "Whether it is better than {} is open.",
        "worse": "It is worse than {}.",
    }
    return found + [
        words[verdict].format(_listed(texts, "or" if verdict == "open" else "and"))
        for verdict, texts in sorted(by_verdict.items())
    ]


def beside(pairs: Sequence[Mapping], model: str, other: str) -> dict | None:
    """Gives what the answer says of a pair, seen from its first model, whichever stands first in the record; None if there is none."""
    for pair in pairs:
        if {pair["model"], pair["other"]} != {model, other}:
            continue
        found = {key: pair[key] for key in ("difference", "verdict", "rows_for_sign", "rows_needed")}
        ends = pair["together_low"], pair["together_high"]
        if pair["verdict"] and pair["model"] == other:
            found["difference"], *ends = (0.0 - value for value in (pair["difference"], *reversed(ends)))
            found["verdict"] = {"better": "worse", "worse": "better"}.get(pair["verdict"], pair["verdict"])
        return found | dict(zip(("together_low", "together_high"), ends, strict=True))
    return None


def _listed(texts: list[str], word: str) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
