"""The files on this machine that a config names."""

from pathlib import Path

from lineup.config_errors import shown
from lineup.errors import InputError, ended
from lineup.files import Digests, digest_of_list, files_in


def take_files(config: dict, cache: Path, are_here: bool) -> dict[str, str]:
    """Makes a source with a digest of each ``file`` of a dataset or of its splits, in place.

    Args:
        config: The config, checked.
        cache: Where to keep the digests from run to run, apart from those of results, which are many.
        are_here: Whether the files of the datasets to build have to be on this machine.

    Returns:
        The paths of the files of those datasets, by dataset, where they have to be here.

    Raises:
        InputError: If one is missing.
    """
    blocks = {f"datasets.{name}": dataset for name, dataset in config["datasets"].items()}
    blocks |= {f"{key}.splits": dataset["splits"] for key, dataset in blocks.items()}
    blocks = {key: block for key, block in blocks.items() if "file" in block}
    digests = Digests(cache) if blocks else None
    for key, block in blocks.items():
        _take_file(key, block, digests, are_here and key.split(".")[1] in config["build"])
    if digests:
        digests.save()
    names = [name for name in config["build"] if are_here and f"datasets.{name}" in blocks]
    return {name: config["datasets"][name]["sources"][0]["file"] for name in names}


def _take_file(key: str, block: dict, digests: Digests, is_needed: bool) -> None:
    """Makes a source of the ``file`` of a block; raises an InputError if it is needed, and is not there."""
    path, files, digest = block.pop("file"), [], ""
    try:
        files, digest = _looked_up(path, digests)
    except InputError as error:
        if is_needed:
            raise InputError(ended(f"{path} {error}")) from error
    if not files and is_needed:
        raise InputError(
            f"In the config, {key}.file is {shown(path)}, and there is no such file in {Path.cwd()}: write the "
            "path of a file or a folder from there, or from the root."
        )
    block["sources"] = [{"file": path}]
    block.setdefault("sha256", digest)
    size = sum(file.stat().st_size for file in files) / 1e6
    block["max_megabytes"] = max(block.get("max_megabytes", 0.0), size)


def _looked_up(path: str, digests: Digests) -> tuple[list[Path], str]:
    """Lists the files of a table, one or those in a folder, with the digest of the file or of their list; none if it is missing."""
    if Path(path).is_dir():
        files = files_in(path)
        return files, digest_of_list({file.name: digests.of(str(file)) for file in files})
    digest = digests.of(path)
    return ([Path(path)], digest) if digest else ([], "")
