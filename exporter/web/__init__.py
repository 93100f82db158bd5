"""What is served over HTTP: routes, and the pages behind them."""
