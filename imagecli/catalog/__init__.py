"""The catalog of models and providers: limits, prices and wire formats as rows of data, with source and date."""
