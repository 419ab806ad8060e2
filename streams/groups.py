"""Names of consumer groups; importing them does not import Faust."""


def group_of(stage: str, generation: int) -> str:
    """The consumer group of a stage; a new generation of the input begins with a new group."""
    return f"{stage}-g{generation}"
