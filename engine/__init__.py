"""The V-MPO trainer: headless, free of any screen, thread or console output."""
