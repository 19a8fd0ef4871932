"""Lets ``python -m writ`` do what the ``writ`` command does."""

from writ.cli import main

if __name__ == "__main__":
    main()
