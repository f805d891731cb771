"""The four kinds of prediction: one harness of an encoder, an alignment and a head."""
