from statsd.client import StatsClient as StatsClient
