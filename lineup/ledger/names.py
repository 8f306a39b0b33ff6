"""Which functions and constants the code of each record was made of, so that a later look can name the one that changed.

A record has a digest for each file. What stands behind these digests is kept once for all jobs with the same code, in
``results/manifest/code/``. It is for people: nothing runs again for it.
"""

import json
from pathlib import Path

from lineup.files import replacing, sha256
from lineup.ledger.code import ORDER, WHOLE, code_of, parts_of
from lineup.ledger.outline import EXECUTED, MAIN
from lineup.ledger.records import FOLDER

# What is no name of a definition, in words.
WORDS = {
    EXECUTED: "what runs when it is imported",
    MAIN: "what runs in the script",
    ORDER: "the order of imports with effects",
    WHOLE: "the whole file",
}


def keep_names(script: str, modules: tuple[str, ...]) -> None:
    """Keeps the names that a script and what its settings name reach, with their digests, if they are not kept yet."""
    path = _place(FOLDER, code_of(script, modules))
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(
                json.dumps(parts_of(script, modules), sort_keys=True) + "\n", encoding="utf-8"
            )


def changed_names(folders: tuple[Path, Path], codes: tuple[dict, dict], file: str) -> list[str]:
    """Lists what differs in a file of the code between two records, by name; nothing where it is not known.

    Args:
        folders: The manifest of each.
        codes: The part ``code`` of the specification of each.
        file: The file.
    """
    before, after = (
        _read(_place(folder, code)).get(file, {}) for folder, code in zip(folders, codes, strict=True)
    )
    if not (before and after and isinstance(before, dict) and isinstance(after, dict)):
        return []
    differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [WORDS.get(name, name.replace("import ", "the import of ")) for name in differing]


def _place(folder: Path, code: dict[str, str]) -> Path:
    return folder / "code" / f"{sha256(json.dumps(code, sort_keys=True))[:20]}.names"


def _read(path: Path) -> dict:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
