"""The wallboard: boards declared as data, frames of one cut each, and the page that shows them."""
