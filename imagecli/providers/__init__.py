"""Pure codecs between our values and the wire: a request in, an HTTP request out; an HTTP answer in, a result out."""
