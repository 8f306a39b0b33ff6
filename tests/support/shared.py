"""What takes seconds to make and is only read: made by the first worker that needs it, for all of them."""

import fcntl
import os
import pickle


def made_once(tmp_path_factory, name, make):
    """Gives what a function made in a folder of this name, in this worker or in another one.

    Args:
        tmp_path_factory: The fixture of pytest.
        name: Its name among all that is shared.
        make: Called with the folder; what it gives can be pickled.
    """
    base = tmp_path_factory.getbasetemp()
    # The folders of the workers stand side by side in that of the run.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared_{name}"
    folder.mkdir(exist_ok=True)
    made = folder / "made.pickle"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(made.read_bytes())
