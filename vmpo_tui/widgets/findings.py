"""What the diagnosis found: all of it with its reasons, or the worst of it on one line."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.geometry import Size

from vmpo_tui.diagnosis import Finding, Severity
from vmpo_tui.widgets.lines import Lines, Span

SYMBOLS = {Severity.SERIOUS: "✖", Severity.WARNING: "▲", Severity.NOTE: "●"}
STYLES = {Severity.SERIOUS: "serious", Severity.WARNING: "warning", Severity.NOTE: "note"}
COLOURS = """
    {0} .finding--serious {{ color: $error; text-style: bold; }}
    {0} .finding--warning {{ color: $warning; text-style: bold; }}
    {0} .finding--note {{ color: $primary; text-style: bold; }}
    {0} .finding--good {{ color: $success; text-style: bold; }}
    {0} .finding--meaning {{ color: $text; }}
    {0} .finding--change {{ color: $text-muted; }}
"""
COMPONENTS = {
    "finding--serious",
    "finding--warning",
    "finding--note",
    "finding--good",
    "finding--meaning",
    "finding--change",
}
LOW, LOW_LINES, LINES = range(16, 32), 4, 6
"""Heights at which charts need the room, and how many lines the findings get at most there and elsewhere."""


class FindingPanel(Lines):
    """Findings with what they mean and what to change, as many as there is room for."""

    COMPONENT_CLASSES = COMPONENTS
    DEFAULT_CSS = "FindingPanel { height: auto; padding: 0 1; }" + COLOURS.format("FindingPanel")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._findings: tuple[Finding, ...] = ()
        self._ready = False
        self._first = 0

    def show(self, findings: tuple[Finding, ...], *, ready: bool) -> None:
        """Show findings from now on.

        Args:
            findings: most serious first.
            ready: whether there has been evidence enough to find anything.
        """
        if (findings, ready) == (self._findings, self._ready):
            return
        if [one.name for one in findings] != [one.name for one in self._findings]:
            self._first = 0
        self._findings, self._ready = findings, ready
        self.refresh(layout=True)
        self.redraw()

    def next(self) -> None:
        """Begin with the next finding."""
        if self._findings:
            self._first = (self._first + 1) % len(self._findings)
            self.refresh(layout=True)
            self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines that the findings take."""
        return len(self._paragraphs(width))

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the findings from the first one that is wanted."""
        return self._paragraphs(width)

    def _paragraphs(self, width: int) -> list[list[Span]]:
        if not self._findings:
            text = "nothing stands out" if self._ready else "too early to say"
            return [
                [(f"{'✔' if self._ready else '◌'} {text}", f"finding--{'good' if self._ready else 'change'}")]
            ]
        limit = LOW_LINES if self.app.size.height in LOW else LINES
        count = len(self._findings)
        lines: list[list[Span]] = []
        for place in range(self._first, self._first + count):
            turn = f"{place % count + 1} of {count}, {self.key('duals.next', 'd')}: next"
            which = f" ({turn})" if count > 1 and not lines else ""
            paragraph = _paragraph(self._findings[place % count], which, width)
            if lines and len(lines) + len(paragraph) > limit:
                break
            lines += paragraph
        return lines[:limit]


class FindingLine(Lines):
    """The most serious finding on one line; takes no room while there is none. A click leads to the duals."""

    COMPONENT_CLASSES = COMPONENTS
    DEFAULT_CSS = "FindingLine { height: 1; padding: 0 1; display: none; }" + COLOURS.format("FindingLine")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._findings: Sequence[Finding] = ()

    def show(self, findings: Sequence[Finding]) -> None:
        """Show the first of the findings."""
        self._findings = findings
        self.set_class(bool(findings), "present")
        self.styles.display = "block" if findings else "none"
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the line, its meaning cut where it does not fit."""
        if not self._findings:
            return []
        first, others = self._findings[0], len(self._findings) - 1
        name = f"{SYMBOLS[first.severity]} {first.name}"
        press = f"press {self.key('screen.duals', '3')}"
        more = f"  (+{others}, {press})" if others else f"  ({press})"
        room = width - len(name) - len(more) - 2
        meaning = first.meaning if len(first.meaning) <= room else first.meaning[: max(0, room - 1)] + "…"
        spans = [(name, f"finding--{STYLES[first.severity]}"), (more, "finding--change")]
        return [[spans[0], (f"  {meaning}" if room > 10 else "", "finding--meaning"), spans[1]]]

    async def on_click(self) -> None:
        """Show the screen that explains it."""
        await self.run_action("app.show_screen('duals')")


def _paragraph(finding: Finding, which: str, width: int) -> list[list[Span]]:
    """Name and meaning, then the change, wrapped under each other."""
    head = f"{SYMBOLS[finding.severity]} {finding.name}{which}"
    meaning = textwrap.wrap(f"{head}  {finding.meaning}", max(20, width), subsequent_indent="  ")
    change = textwrap.wrap(
        f"→ {finding.change}", max(20, width), initial_indent="  ", subsequent_indent="    "
    )
    name, style = meaning[0][: len(head)], f"finding--{STYLES[finding.severity]}"
    first: list[Span] = [(name, style), (meaning[0][len(head) :], "finding--meaning")]
    rest: list[list[Span]] = [[(line, "finding--meaning")] for line in meaning[1:]]
    return [first, *rest, *([(line, "finding--change")] for line in change)]
