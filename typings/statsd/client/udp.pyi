from statsd.client.base import PipelineBase, StatsClientBase

class Pipeline(PipelineBase): ...

class StatsClient(StatsClientBase):
    def __init__(
        self,
        host: str = "localhost",
        port: int = 8125,
        prefix: str | None = None,
        maxudpsize: int = 512,
        ipv6: bool = False,
    ) -> None: ...
