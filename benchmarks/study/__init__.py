"""`bench all`: the argument of memory, quality and reach, measured cell by cell and reported."""
