"""Mixed load for minutes, with faults: ``nox -s soak``. See ``__main__``."""
