"""A kind that nothing of ours knows of."""

from lightning_dlic.kinds.base import Kind, Slot


class RepairKind(Kind):
    """Repairs decoded base layers, for the tests."""

    stage = "dlic_everything.stage:Repair"
    operator = "lightning_dlic.operators.restorer:Restorer"
    measure = "lightning_dlic.measure.decoded:DecodedMeasure"
    rivals = ("decoded",)
    slot = Slot(before=("sr", "colorization", "reconstruction"))
    facts = {"channels": int}  # noqa: RUF012
