"""Base of the widgets that are drawn line by line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Span = tuple[str, str]
"""A text and the component class that colours it; an empty one for the widget's own style."""
Row = Sequence[tuple[str, str | int]]
"""A line of spans; a number stands for a style that a widget makes by itself, for narrow characters."""


class Lines(Widget):
    """Draws plain spans of text, and after a redraw makes and refreshes only the lines that changed.

    A widget that renders rich text is wrapped and styled anew each time, which takes several times as long;
    a dashboard has two dozen of them, and the trainer waits for the interpreter meanwhile.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._spans: list[Row] = []
        self._strips: list[Strip] = []
        self._sides: tuple[int, int, int] = (0, 0, 0)
        """Blank cells left of the lines, their own width, blank cells right of them."""
        self._styles: dict[str | int, Style] = {}

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return at most ``height`` lines of at most ``width`` cells each."""
        raise NotImplementedError

    def rows(self, width: int, height: int) -> list[Row]:
        """Return exactly ``height`` lines."""
        rows: list[Row] = list(self.draw(width, height)[:height])
        return rows + [[]] * (height - len(rows))

    def redraw(self) -> None:
        """Draw everything, and refresh what changed."""
        width, height = self.size
        if not self.is_attached or not width or not height:
            return
        changed = self._draw(width, height)
        if len(changed) == len(self._spans):
            self.refresh()
        elif changed:
            self.refresh(*(Region(0, line, width, 1) for line in changed))

    def _draw(self, width: int, height: int) -> list[int]:
        """Draw everything; return the lines that are others than before."""
        padding = self.styles.padding
        # Where there is a frame, Textual draws it and the padding inside it.
        sides = (0, width, 0) if self._framed else (padding.left, width, padding.right)
        before, strips = self._spans, self._strips
        if sides != self._sides or len(before) != height:
            before, strips = [], [Strip.blank(0)] * height
        self._sides, self._strips = sides, strips
        self._spans = rows = self.rows(width, height)
        changed = [line for line in range(height) if not before or before[line] != rows[line]]
        for line in changed:
            strips[line] = self._strip(rows[line])
        return changed

    def _strip(self, row: Row) -> Strip:
        """Return a row as a line of the widget's width."""
        left, width, right = self._sides
        plain = self._style("")
        segments = [Segment(text, self._style(look)) for text, look in row if text]
        free = width - sum(cell_len(text) if isinstance(look, str) else len(text) for text, look in row)
        if free < 0:
            segments, free = list(Strip(segments).crop(0, width)), 0
        if left:
            segments.insert(0, Segment(" " * left, plain))
        if free + right:
            segments.append(Segment(" " * (free + right), plain))
        return Strip(segments, left + width + right)

    @property
    def _framed(self) -> bool:
        return self.styles.gutter != self.styles.padding

    def render_line(self, y: int) -> Strip:
        """Return a line of the last drawing; of the first one where it is painted before it is resized."""
        if not self._strips and self.size.area:
            self._draw(*self.size)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return lines as they were drawn; Textual's own way styles, pads and checks each of them anew."""
        if self._framed or not self.size.area:
            return super().render_lines(crop)
        padding = self.styles.padding
        if self.outer_size != (sum(self._sides), len(self._strips) + padding.height):
            self._draw(*self.size)  # painted before it hears of its size
        width, lines = sum(self._sides), self._strips
        if padding.height:
            blank = [Strip.blank(width, self._style(""))]
            lines = [*blank * padding.top, *lines, *blank * padding.bottom]
        lines = lines[crop.y : crop.bottom]
        if crop.column_span != (0, width):
            lines = [strip.crop(*crop.column_span) for strip in lines]
        if self.colourless:  # all that other filters change is colours of the terminal's, which none has
            for line_filter in self.get_line_filters():
                lines = [strip.apply_filter(line_filter, self.background_colors[1]) for strip in lines]
        return lines

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
        self._sides = (0, 0, 0)  # every line has to be made anew
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
        return "\n".join("".join(text for text, _ in row) for row in self._spans)

    def _style(self, look: str | int) -> Style:
        style = self._styles.get(look)
        if style is None:
            style = self._styles[look] = self.make_style(look)
        return style

    def make_style(self, look: str | int) -> Style:
        """Return the style of a span; each is made once."""
        return self.get_component_rich_style(str(look)) if look else self.rich_style
