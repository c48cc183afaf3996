"""The GitHub Action, and README's examples for several machines, run without GitHub."""
