"""One call from plan to saved image: prepare, send, finish."""
