"""N-gram tables and KenLM beside the network: native programs, measurements, reports."""
