"""What the promises are tried on."""

import pytest
from support.projects import place_of


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Gives the function that gives a finished project by its name, made when it is first asked for."""
    made = {}

    def of(name):
        if name not in made:
            place, jobs = place_of(name, tmp_path_factory.mktemp(name))
            run, again = place.run(), place.dry_run()
            assert run.status == 0 and run.jobs == sorted(jobs), run.text
            assert again.status == 0 and again.jobs == [], again.text
            made[name] = place
        return made[name]

    return of
