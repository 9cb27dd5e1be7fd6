"""Every connector there is. A new system is one module and one line here."""

from typing import Final

from services.connectors import hubspot, jiandaoyun, pipedrive, salesforce, zoho
from services.connectors.port import Connector

CONNECTORS: Final[dict[str, Connector]] = {
    each.name: each
    for each in (
        hubspot.CONNECTOR,
        pipedrive.CONNECTOR,
        salesforce.CONNECTOR,
        zoho.CONNECTOR,
        jiandaoyun.CONNECTOR,
    )
}
