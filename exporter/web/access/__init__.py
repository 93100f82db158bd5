"""Who may reach the pages: TLS, client certificates, passwords, a rate limit."""
