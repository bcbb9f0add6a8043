"""The demo sessions as stories: one module a user, one function a session."""

from demo.stories import amara, jonas, mei

ALL = (*amara.STORIES, *jonas.STORIES, *mei.STORIES)
