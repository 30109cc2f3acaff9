"""`python -m wheesht`: the same as the command `wheesht`."""

from wheesht.cli.main import main

if __name__ == "__main__":
    main()
