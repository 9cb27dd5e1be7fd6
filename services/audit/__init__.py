"""The audit: additive KPIs counted a second time, in SQL straight from the events, without the books."""
