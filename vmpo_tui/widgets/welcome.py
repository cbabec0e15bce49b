"""What is shown where there are no runs yet: what one can begin with."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from vmpo_tui.known import SUGGESTED
from vmpo_tui.text import printable

FIRST = "Train your first agent: choose an environment, enter asks for the rest."
THEN = (
    ("runs.new", "train any other environment"),
    ("run.help", "every key"),
    ("", "trains from a shell: its runs appear here too"),
)
"""What else one can do, and the binding that does it."""


class Welcome(Vertical):
    """A list of environments to begin with, and what else can be done."""

    DEFAULT_CSS = """
    Welcome { height: 1fr; padding: 0 1; }
    Welcome OptionList, Welcome OptionList:focus { border: none; }
    Welcome OptionList { height: auto; max-height: 1fr; padding: 0; margin: 1 0;
                         background: transparent; scrollbar-size-vertical: 1; }
    """

    class Chosen(Message):
        """An environment to begin with was chosen."""

        def __init__(self, env_id: str) -> None:
            super().__init__()
            self.env_id = env_id

    def __init__(self, root: object, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._root = printable(root)

    def compose(self) -> ComposeResult:
        """Yield what to do, the environments, and what else there is."""
        yield Static(Text(FIRST, "bold"))
        yield OptionList(
            *(Option(Text(f"{env_id:<21}").append(words, "dim"), env_id) for env_id, words in SUGGESTED)
        )
        then = Text()
        names: dict[str, str] = getattr(self.app, "key_names", {})
        for binding, words in THEN:
            key = names.get(binding, "vmpo train ENV")
            then.append(f"{key:<16}", "bold").append(f"{words}\n", "dim")
        yield Static(then.append(f"\nno runs yet in {self._root}", "dim"))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Tell which one was chosen."""
        event.stop()
        self.post_message(self.Chosen(str(event.option_id)))

    def take_focus(self) -> None:
        """Let the arrow keys choose."""
        self.query_one(OptionList).focus()
