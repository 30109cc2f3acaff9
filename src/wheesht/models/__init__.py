"""Host networks: each module here returns a `ModelSpec`; `network` runs any spec in torch."""

from wheesht.models.gru_host import gru_host_spec
from wheesht.models.network import Network

HOSTS = {"gru": gru_host_spec}

__all__ = ["HOSTS", "Network", "gru_host_spec"]
