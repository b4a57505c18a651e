"""``python -m pharmakon_server.cli`` is the command ``pharmakon``."""

from . import main

main()
