"""Copies users' session files from their homes into the drop folder.

The rules: it may run with the right to read everything, so what a user can change meanwhile must
not lead it anywhere (`beneath`); and a copy is at all times a prefix of what the user's file says
or said (`copying`), so that a kill costs nothing but the next run.
"""
