"""The images that were created on this machine: their requests, inputs, cost and files.

An SQLite database in the state folder. It is written after the images are saved and never changes their files.
"""
