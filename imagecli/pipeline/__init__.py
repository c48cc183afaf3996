"""One call from plan to saved picture: prepare, send, finish."""
