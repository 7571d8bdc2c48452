from statsd.client.udp import StatsClient as StatsClient
