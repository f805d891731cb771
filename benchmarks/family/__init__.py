"""The recurrent family side by side: plain and gated, one layer and two."""
