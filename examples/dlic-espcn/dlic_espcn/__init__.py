"""ESPCN as a plug-in of lightning-dlic."""
