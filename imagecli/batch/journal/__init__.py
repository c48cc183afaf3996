"""The journal: what a batch has bought and saved, a line each; read, written and locked."""
