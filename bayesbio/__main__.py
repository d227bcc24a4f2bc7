"""``python -m bayesbio`` is the command line."""

from bayesbio.cli import main

main()
