"""The pieces of rtt-study and rtt-table: arms, their shared starts, results, the paper's figures.

A study trains one model in several ways (arms) on several seeds and measures each in the same way;
a table sets the means side by side, beside what the paper prints.
"""
