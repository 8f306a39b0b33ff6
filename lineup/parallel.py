"""Works on several items side by side, in processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

_function: list[Callable] = []  # what a process of the pool applies


def map_in_processes(function: Callable, items: Iterable, processes: int) -> Iterator:
    """Applies a function to each item, and yields the results in the order of the items.

    The processes are forked, so they share what is imported and read already: the function may be a
    closure over large arrays. They end with this process, however it ends.

    Args:
        function: What to apply. Its results have to be picklable.
        items: What to apply it to.
        processes: How many to work on at once. With 1 all happens in this process.
    """
    if processes == 1:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("fork"), initializer=_begin, initargs=(function,)
    )
    try:
        # Python forgets a signal that comes in the middle of a fork: these wait until it is over.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            results = pool.map(_apply, items)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        yield from results
    except BaseException:
        for process in multiprocessing.active_children():
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(function: Callable) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    _function.append(function)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(143)


def _apply(item: object) -> object:
    return _function[-1](item)
