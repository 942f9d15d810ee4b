"""`python -m facings.cli` is the `facings` command."""

from facings.cli import main

main()
