"""Four rings and the table that feeds them; see README.md."""
