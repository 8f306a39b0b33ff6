"""The answer of a comparison in words: which model is best, and what can be said of it beside the others."""

from collections.abc import Callable, Mapping, Sequence


def answer(
    board: Sequence[Mapping], pairs: Sequence[Mapping], number: Callable[..., str], metric: str, name: str
) -> list[str]:
    """Says which model has the best score, and what is known of it beside each other one.

    Args:
        board: The lines of the leaderboard, the best model first, each with its ``label``.
        pairs: The records of ``differences`` for the metric that ranks.
        number: Writes a difference of the metric.
        metric: That metric.
        name: Its name in words.

    Returns:
        Sentences.
    """
    best, labels = board[0]["model"], {line["model"]: line["label"] for line in board}
    splits = int(board[0]["splits"])
    over = f"on average over {splits:,} splits" if splits > 1 else "on the one split"
    found = [f"{labels[best]} has the best {name}, {number(board[0][metric], sign='')} {over}."]
    by_verdict: dict[str, list[str]] = {}
    for line in board[1:]:
        pair = beside(pairs, best, line["model"])
        if pair is None or not pair["verdict"]:
            continue
        text = f"{line['label']} ({number(pair['difference'])}, {number(pair['together_low'])} to {number(pair['together_high'])})"
        if pair["verdict"] == "open" and pair["rows_for_sign"] and pair["rows_needed"]:
            text = (
                f"{text[:-1]}; about {pair['rows_for_sign']:,.0f} rows would tell if the difference is what it seems, and "
                f"{pair['rows_needed']:,.0f} in any case)"
            )
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
    """Gives the record of a pair, turned round where the other model stands first; None if there is none."""
    turned = {"better": "worse", "worse": "better"}
    for pair in pairs:
        if (pair["model"], pair["other"]) == (model, other):
            return dict(pair)
        if (pair["model"], pair["other"]) == (other, model):
            ends = {
                f"{kind}{low}": f"{kind}{high}"
                for kind in ("", "together_")
                for low, high in (("low", "high"), ("high", "low"))
            }
            swapped = {key: _minus(pair[end]) for key, end in ends.items()}
            swapped |= {
                "difference": _minus(pair["difference"]),
                "verdict": turned.get(pair["verdict"], pair["verdict"]),
            }
            return dict(pair) | swapped | {"model": model, "other": other}
    return None


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _listed(texts: list[str], word: str) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
