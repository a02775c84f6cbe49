"""memtrace: which operation of a memory pipeline is to blame for a wrong answer?"""

__version__ = "0.1.0"
