"""The reference's fixtures, which HaMeR's own tests have."""

from tests.unit.models.hamer.conftest import parity  # noqa: F401
