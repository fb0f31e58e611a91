"""The wire contract and the data both sides of Limner share: standard library, numpy and pyzmq only."""
