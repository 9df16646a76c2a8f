"""What the Hub offers of a data set: one configuration and split of it at one commit."""

from backend.hub.offer import HubFile, Licence, Plain, Said


class CorpusOffer(Plain):
    """`files` in their order; `converted`: they are the Hub's own conversion. `configs` and `splits`: what there is to
    choose from. `problem`: why it is not fetched.
    """

    hub_id: str
    revision: str = ""
    converted: bool = False
    config: str = ""
    split: str = ""
    configs: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    licence: Licence = Licence()
    files: tuple[HubFile, ...] = ()
    gated: bool = False
    problem: Said | None = None

    @property
    def bytes(self) -> int:
        """All that would be fetched; as rows it takes two to four times as much."""
        return sum(file.size for file in self.files)


class Wanted(Plain):
    """Which part of a data set; "" for the only one, or the one called default (of splits: train)."""

    hub_id: str
    config: str = ""
    split: str = ""
