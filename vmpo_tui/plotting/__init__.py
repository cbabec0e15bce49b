"""Charts without a screen: pure mathematics from series to dots, ticks and texts. Knows no Textual."""
