"""rtt: which token of a response is to blame for a failed rubric?"""

__version__ = "0.1.0"
