"""What the descriptions of features in a prepared table say. Jobs that fit need no more of the coding."""

DAYS = "days since 1970-01-01"


def factor_of(about: dict) -> str:
    """Names the factor that a feature is a level of, or the feature."""
    return (
        about["name"].removesuffix(f"[{about['level']}]")
        if "level" in about
        else about.get("factor", about["name"])
    )


def is_pooled(about: dict) -> bool:
    """Tells whether a feature, by its description, is that of the rare levels of a factor together."""
    return "factor" in about and "level" not in about
