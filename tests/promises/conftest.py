"""What the promises are tried on."""

from functools import cache

import pytest
from support.projects import place_of
from support.shared import made_once


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Gives the function that gives a finished project by its name, made when it is first asked for."""

    @cache
    def of(name):
        def make(folder):
            place, jobs = place_of(name, folder)
            run, again = place.run(), place.dry_run()
            assert run.status == 0 and run.jobs == sorted(jobs), run.text
            assert again.status == 0 and again.jobs == [], again.text
            return place

        return made_once(tmp_path_factory, f"finished_{name}", make)

    return of
