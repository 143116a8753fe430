"""Methods: nine ways to train a low-rank update, any two side by side, and their race."""

from web.methods.page import methods

methods()
