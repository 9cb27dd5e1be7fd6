"""The exports of a CRM as events, through a mapping that says which column means what."""
