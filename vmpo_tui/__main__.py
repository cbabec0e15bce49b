"""``python -m vmpo_tui`` is ``vmpo``."""

from vmpo_tui.cli import main

main()
