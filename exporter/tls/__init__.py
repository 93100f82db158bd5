"""What a certificate says, and whether it may be believed; no socket in here."""
