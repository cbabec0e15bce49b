"""Base of the widgets that are drawn line by line."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Span = tuple[str, str]
"""A text and the component class that colours it; an empty one for the widget's own style."""


class Lines(Widget):
    """Draws plain spans of text, and after a redraw refreshes only the lines that changed.

    A widget that renders rich text is wrapped and styled anew each time, which takes several times as long;
    a dashboard has two dozen of them, and the trainer waits for the interpreter meanwhile.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] = []
        self._styles: dict[str, Style] = {}

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return at most ``height`` lines of at most ``width`` cells each."""
        raise NotImplementedError

    def strips(self, width: int, height: int) -> list[Strip]:
        """Return exactly ``height`` lines of exactly ``width`` cells each."""
        strips = [self._strip(spans, width) for spans in self.draw(width, height)[:height]]
        return strips + [self._strip((), width)] * (height - len(strips))

    def redraw(self) -> None:
        """Draw everything, and refresh what changed."""
        width, height = self.size
        if not self.is_attached or width <= 0 or height <= 0:
            return
        strips = self.strips(width, height)
        before, self._strips = self._strips, strips
        if len(before) != height:
            self.refresh()
            return
        changed = [line for line in range(height) if before[line] != strips[line]]
        if changed:
            self.refresh(*(Region(0, line, width, 1) for line in changed))

    def render_line(self, y: int) -> Strip:
        """Return a line of the last drawing; of the first one where it is painted before it is resized."""
        if not self._strips and self.size.area:
            self._strips = self.strips(*self.size)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def on_resize(self) -> None:
        """Fit the new size."""
        self.redraw()

    def notify_style_update(self) -> None:
        """Take over a new theme's colours."""
        super().notify_style_update()
        if self.is_attached:
            self.call_later(self._restyle)  # the component classes get their new styles after the widget

    def _restyle(self) -> None:
        self._styles.clear()
        self.redraw()

    def key(self, binding: str, usual: str) -> str:
        """Return the key of a binding as the user has set it.

        Args:
            binding: its id.
            usual: the key that it has otherwise.
        """
        return str(getattr(self.app, "key_names", {}).get(binding, usual))

    @property
    def colourless(self) -> bool:
        """Whether a picture has to do without colours."""
        return bool(getattr(self.app, "colourless", False))

    @property
    def text(self) -> str:
        """What is shown, without colours."""
        return "\n".join(strip.text for strip in self._strips)

    def _strip(self, spans: Iterable[Span], width: int) -> Strip:
        segments = [Segment(text, self._style(component)) for text, component in spans if text]
        return Strip(segments).adjust_cell_length(width, self._style(""))

    def _style(self, component: str) -> Style:
        style = self._styles.get(component)
        if style is None:
            style = self.get_component_rich_style(component) if component else self.rich_style
            self._styles[component] = style
        return style
