"""Pure codecs between our values and the wire: image requests → HTTP requests, HTTP responses → results."""
