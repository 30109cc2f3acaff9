"""Host networks: each module here returns a `ModelSpec`; `network` runs any spec in torch."""

from collections.abc import Callable

from wheesht.models.dprnn_host import dprnn_host_spec
from wheesht.models.gru_host import gru_host_spec
from wheesht.models.mpt_host import mpt_host_spec
from wheesht.models.network import Network
from wheesht.spec.model_spec import ModelSpec

HOSTS: dict[str, Callable[..., ModelSpec]] = {
    "gru": gru_host_spec,
    "mpt": mpt_host_spec,
    "dprnn": dprnn_host_spec,
}

__all__ = ["HOSTS", "Network", "dprnn_host_spec", "gru_host_spec", "mpt_host_spec"]
