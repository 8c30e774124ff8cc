"""``python -m retix`` is the command ``retix``."""

from retix.cli import main

if __name__ == "__main__":
    main()
