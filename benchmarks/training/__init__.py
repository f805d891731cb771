"""How fast the trainer is: beside a plain loop, with other softmaxes, by several processes."""
