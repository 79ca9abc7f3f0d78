"""`python -m gateway` is `callstream`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
