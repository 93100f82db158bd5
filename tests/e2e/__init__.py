"""The e2e ring: the installed console script, a real Prometheus, promtool."""
