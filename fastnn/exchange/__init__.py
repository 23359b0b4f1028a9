"""Models that travel: from and to the formats and libraries of others.

One module a format. What a part of a model becomes there stands in that module alone; a part that has no equivalent is refused by name.
Third-party libraries are imported when they are first needed (`fastnn.extras.require`).
"""
