"""System checks of our own settings."""
