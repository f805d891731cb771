"""PocketLM: compact recurrent language models for phone keyboards.

`pocketlm.model` trains and predicts, `pocketlm.export` writes what a phone runs,
`pocketlm.benchmarks` measures both against n-gram tables.
"""

__version__ = "0.1.0"
